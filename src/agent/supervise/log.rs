//! What a service prints: its bytes as they come, with the time before each line, in a file that does not grow for ever.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use super::stamp::stamp;
use crate::sys::fs;

/// Bytes after which another file is begun; the last one is kept.
pub(super) const LARGEST: u64 = 10 << 20;
/// Bytes that a line may go on after that.
const LONGEST_LINE: u64 = 64 << 10;

/// The file of a service's log, or of the one before that.
pub(super) fn file_name(service: &str, old: bool) -> OsString {
    format!("{service}.log{}", if old { ".1" } else { "" }).into()
}

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    dir: OwnedFd,
    service: String,
    file: File,
    size: u64,
    in_line: bool,
}

impl Log {
    /// Opens a service's log.
    ///
    /// # Errors
    /// open(2)'s; that something else is in its place.
    pub(super) fn open(dir: OwnedFd, service: &str) -> io::Result<Self> {
        // What a service prints is nobody else's to read.
        let file = fs::append_file(&dir, &file_name(service, false), 0o600)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its log is not a regular file"));
        }
        Ok(Self { dir, service: service.to_owned(), file, size: found.len(), in_line: false })
    }

    /// Adds what was printed. A full disk loses what is printed; it is no reason for the service to end.
    pub(super) fn add(&mut self, bytes: &[u8], now: SystemTime) {
        let stamp = stamp(now);
        let mut text = Vec::with_capacity(bytes.len() * 2);
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let size = self.size + length(&text);
            if size >= LARGEST + if self.in_line { LONGEST_LINE } else { 0 } {
                self.write(&std::mem::take(&mut text));
                let _ = self.begin_another();
            }
            if !self.in_line {
                text.extend_from_slice(stamp.as_bytes());
            }
            text.extend_from_slice(line);
            self.in_line = !line.ends_with(b"\n");
        }
        self.write(&text);
    }

    /// Adds a line of the supervisor's own.
    pub(super) fn remark(&mut self, text: &str, now: SystemTime) {
        self.end_line();
        self.add(format!("envbox: {text}\n").as_bytes(), now);
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.in_line) {
            self.write(b"\n");
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.file.write_all(bytes).is_ok() {
            self.size += length(bytes);
        }
    }

    fn begin_another(&mut self) -> io::Result<()> {
        self.end_line();
        let (name, old) = (file_name(&self.service, false), file_name(&self.service, true));
        fs::rename(&self.dir, &name, &self.dir, &old)?;
        self.file = fs::append_file(&self.dir, &name, 0o600)?;
        self.size = self.file.metadata()?.len();
        Ok(())
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn log(dir: &Path) -> Log {
        Log::open(fs::open_dir(dir).unwrap(), "db").unwrap()
    }

    #[test]
    fn each_line_has_its_time_and_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path());
        let now = SystemTime::UNIX_EPOCH;
        for bytes in [&b"a\nb"[..], b"c\n\xff\0", b""] {
            log.add(bytes, now);
        }
        log.remark("started", now);
        let stamp = stamp(now);
        let text = std::fs::read(dir.path().join("db.log")).unwrap();
        let expected = [
            stamp.as_bytes(),
            b"a\n",
            stamp.as_bytes(),
            b"bc\n",
            stamp.as_bytes(),
            b"\xff\0\n",
            stamp.as_bytes(),
            b"envbox: started\n",
        ];
        assert_eq!(text, expected.concat());
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path());
        let chunk = vec![b'x'; 32 << 10];
        for _ in 0..1000 {
            log.add(&chunk, SystemTime::UNIX_EPOCH);
        }
        let sizes = ["db.log", "db.log.1"].map(|name| std::fs::metadata(dir.path().join(name)).unwrap().len());
        assert!(sizes.iter().all(|&size| size <= LARGEST + 2 * LONGEST_LINE), "{sizes:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
