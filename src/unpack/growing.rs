//! A file that somebody else is still writing.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use crate::sys::stream;

/// Reads a file of a known size while it grows, and waits where it is not as long yet. Whoever writes it says so by a byte
/// in a pipe now and then, and by closing the pipe when nothing more will come.
#[derive(Debug)]
pub struct Growing {
    file: File,
    more: Option<OwnedFd>,
    left: u64,
}

impl Growing {
    /// The file, from where its offset is; it will have `size` bytes from there. Without a pipe, it has them already.
    pub fn new(file: File, size: u64, more: Option<OwnedFd>) -> Self {
        Self { file, more, left: size }
    }
}

impl Read for Growing {
    /// # Errors
    /// `UnexpectedEof` if the writer has gone before the file had its size.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(into.len(), |left| left.min(into.len()));
        loop {
            // Asked before the file is read: what was written before the pipe was closed must not be missed.
            let whole = self.more.is_none();
            let read = self.file.read(&mut into[..wanted])?;
            if read > 0 || wanted == 0 {
                self.left -= u64::try_from(read).unwrap_or(0);
                return Ok(read);
            }
            if whole {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(more) = &self.more
                && stream::read(more, &mut [0; 256])? == Some(0)
            {
                self.more = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};
    use std::thread;

    use super::*;
    use crate::sys::process;

    #[test]
    fn waits_for_what_is_to_come_and_for_no_more() {
        let mut file = tempfile::tempfile().unwrap();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let reader = File::open(path).unwrap();
        let (more, grew) = process::pipe().unwrap();
        let writer = thread::spawn(move || {
            for _ in 0..1000 {
                file.write_all(b"0123456789").unwrap();
                stream::write(&grew, b"+").unwrap();
            }
            // What comes after the size is not read.
            file.write_all(b"rest").unwrap();
        });
        let mut bytes = Vec::new();
        Growing::new(reader, 10_000, Some(more)).read_to_end(&mut bytes).unwrap();
        writer.join().unwrap();
        assert!(bytes == b"0123456789".repeat(1000));
    }

    #[test]
    fn a_writer_that_goes_too_early_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"12345").unwrap();
        file.rewind().unwrap();
        let (more, grew) = process::pipe().unwrap();
        drop(grew);
        let mut bytes = Vec::new();
        let error = Growing::new(file, 6, Some(more)).read_to_end(&mut bytes).unwrap_err();
        assert_eq!((error.kind(), &bytes[..]), (io::ErrorKind::UnexpectedEof, &b"12345"[..]));
    }
}
