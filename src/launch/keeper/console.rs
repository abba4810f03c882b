//! The console of a system box: a pseudo-terminal of the box's, what is printed there kept, and whoever watches.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::sys::poll::Ready;
use crate::sys::{socket, stream, tty};

/// Bytes that are kept of what was printed. When there are more, the older half goes.
const MOST: u64 = 1 << 20;

/// Bytes at a time: what a pseudo-terminal holds.
const CHUNK: usize = 4096;

/// A line of the log: what an init prints comes after it.
pub const BEGINNING: &str = "envbox: the init begins\r\n";

/// How many may watch at once.
const MOST_VIEWERS: usize = 16;

/// The keeper's side of a console.
#[derive(Debug)]
pub(super) struct Console {
    master: OwnedFd,
    /// Held so that the terminal is never without anybody who has it open, which would hang it up.
    slave: OwnedFd,
    log: Log,
    viewers: Vec<OwnedFd>,
    /// Typed, and not yet taken by the terminal.
    typed: VecDeque<u8>,
}

impl Console {
    /// A terminal, which is logged to a file.
    ///
    /// # Errors
    /// Those of [`tty::open_pty`].
    pub(super) fn new(log: OwnedFd) -> io::Result<Self> {
        let (master, slave) = open()?;
        let log = Log::new(log.into())?;
        Ok(Self { master, slave, log, viewers: Vec::new(), typed: VecDeque::new() })
    }

    /// The terminal itself.
    pub(super) fn terminal(&self) -> &OwnedFd {
        &self.slave
    }

    /// Another terminal for another init; the last one was its predecessor's, and hung up when that ended. Who watches goes
    /// on watching.
    ///
    /// # Errors
    /// Those of [`tty::open_pty`].
    pub(super) fn renew(&mut self) -> io::Result<()> {
        let size = tty::window_size(&self.master)?;
        while self.read() {}
        (self.master, self.slave) = open()?;
        self.typed.clear();
        tty::set_window_size(&self.master, size)
    }

    /// Adds somebody who watches. One more than there may be is turned away by the end of the stream.
    pub(super) fn attach(&mut self, viewer: OwnedFd) {
        if self.viewers.len() < MOST_VIEWERS && socket::set_nonblocking(&viewer).is_ok() {
            self.viewers.push(viewer);
        }
    }

    /// Gives the terminal a size.
    pub(super) fn resize(&self, columns: u16, rows: u16) {
        let size = tty::Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        // A terminal without a size is one of no program's liking, and nothing more.
        let _ = tty::set_window_size(&self.master, size);
    }

    /// Says something of envbox's own in the log, and to those who watch.
    pub(super) fn say(&mut self, text: &str) {
        self.show(format!("\r\nenvbox: {text}\r\n").as_bytes());
    }

    /// Begins the log of an init, on a line of its own: its predecessor may have ended within one.
    pub(super) fn begin(&mut self) {
        if self.log.is_amid_a_line() {
            self.show(b"\r\n");
        }
        self.show(BEGINNING.as_bytes());
    }

    /// What to wait for. Nobody is read from who types faster than the terminal takes it.
    pub(super) fn wants(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Ready)> {
        let master = Ready { read: true, write: !self.typed.is_empty() };
        let viewer = Ready { read: self.typed.is_empty(), write: false };
        std::iter::once((self.master.as_fd(), master)).chain(self.viewers.iter().map(move |fd| (fd.as_fd(), viewer)))
    }

    /// Moves what can be moved.
    pub(super) fn turn(&mut self) {
        // One round for what the others wait for; the rest is still there in the next.
        self.read();
        self.hear();
        while let Ok(Some(length @ 1..)) = stream::write(&self.master, self.typed.as_slices().0) {
            self.typed.drain(..length);
        }
    }

    fn hear(&mut self) {
        let mut chunk = [0; CHUNK];
        let typed = &mut self.typed;
        self.viewers.retain(|viewer| {
            if !typed.is_empty() {
                return true;
            }
            match stream::read(viewer, &mut chunk) {
                Ok(Some(length @ 1..)) => {
                    typed.extend(&chunk[..length]);
                    true
                }
                Ok(None) => true,
                // It has gone.
                Ok(Some(_)) | Err(_) => false,
            }
        });
    }

    /// Takes in what was printed, and says whether there was anything.
    fn read(&mut self) -> bool {
        let mut chunk = [0; CHUNK];
        match stream::read(&self.master, &mut chunk) {
            Ok(Some(length @ 1..)) => {
                self.show(&chunk[..length]);
                true
            }
            Ok(None) => false,
            Ok(Some(_)) | Err(_) => {
                // Whoever has a login on a terminal hangs it up first (vhangup(2)), and our side of it along with all others.
                if let Ok(slave) = tty::open_slave(&self.master) {
                    self.slave = slave;
                }
                false
            }
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        // With a full disk there is a console all the same.
        let _ = self.log.append(bytes);
        // Who does not read misses it; one who is gone shows when there is nothing more to hear from them.
        self.viewers.iter().for_each(|viewer| drop(stream::write(viewer, bytes)));
    }
}

fn open() -> io::Result<(OwnedFd, OwnedFd)> {
    let (master, slave) = tty::open_pty(Path::new("/dev/pts/ptmx"))?;
    socket::set_nonblocking(&master)?;
    // One without a size is asked for it by what it shows, and waited for, though nobody may be there to answer.
    let usual = tty::Winsize { ws_col: 80, ws_row: 24, ws_xpixel: 0, ws_ypixel: 0 };
    tty::set_window_size(&master, usual)?;
    Ok((master, slave))
}

/// What was printed last.
#[derive(Debug)]
struct Log {
    file: File,
    length: u64,
}

impl Log {
    fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }

    fn is_amid_a_line(&self) -> bool {
        let mut last = [b'\n'];
        let read = self.length.checked_sub(1).map(|at| self.file.read_exact_at(&mut last, at));
        read.is_some_and(|read| read.is_ok()) && last != *b"\n"
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.length > MOST {
            let mut kept = vec![0; usize::try_from(MOST / 2).unwrap_or_default()];
            self.file.read_exact_at(&mut kept, self.length - MOST / 2)?;
            self.file.write_all_at(&kept, 0)?;
            self.file.set_len(MOST / 2)?;
            self.length = MOST / 2;
        }
        self.file.write_all_at(bytes, self.length)?;
        self.length += u64::try_from(bytes.len()).unwrap_or_default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_was_printed_the_end_is_kept() {
        let mut log = Log::new(tempfile::tempfile().unwrap()).unwrap();
        let line = [b'x'; 1023];
        for number in 0..2000_u32 {
            log.append(&[&line[..], &[u8::try_from(number % 251).unwrap()]].concat()).unwrap();
            assert!(log.length <= MOST + 1024);
        }
        assert_eq!(log.file.metadata().unwrap().len(), log.length);
        let mut last = [0];
        log.file.read_exact_at(&mut last, log.length - 1).unwrap();
        assert_eq!(u32::from(last[0]), 1999 % 251);
    }

    #[test]
    fn a_line_that_was_begun_is_known() {
        let mut log = Log::new(tempfile::tempfile().unwrap()).unwrap();
        let mut after = |text: &[u8]| {
            log.append(text).unwrap();
            log.is_amid_a_line()
        };
        assert_eq!([after(b""), after(b"login: "), after(b"\r\n")], [false, true, false]);
    }
}
