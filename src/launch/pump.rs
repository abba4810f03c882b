//! Between the caller's terminal and the pseudo-terminal in the box: every byte, both ways.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::detach::Detach;
use super::protocol::Request;
use crate::sys::poll::Ready;
use crate::sys::{socket, stream, tty};

/// Bytes at a time: what a pseudo-terminal holds.
const CHUNK: usize = 4096;

/// How often a job in the background looks whether it still is there.
const LOOK: Duration = Duration::from_millis(200);

/// The caller's terminal in raw mode, and what is under way. Dropping it gives the terminal back as it was.
#[derive(Debug)]
pub(super) struct Pump {
    master: OwnedFd,
    /// The keeper, who is told the window's size where the master is its own: a console is reached by a stream.
    keeper: Option<OwnedFd>,
    /// The keys that end it, where there are any.
    detach: Option<Detach>,
    before: tty::Settings,
    /// Whether the terminal is ours to set and to read: a job in the background only shows what its program prints.
    foreground: bool,
    /// From the keyboard, to the box.
    typed: Buffer,
    /// From the box, to the screen.
    shown: Buffer,
    /// Nobody in the box has the terminal open any more.
    master_closed: bool,
}

/// What a turn has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It goes on.
    GoesOn,
    /// The caller's terminal is gone.
    HungUp,
    /// The caller has typed the keys that leave a console.
    Detached,
}

#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    done: usize,
}

impl Buffer {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.done..]
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    fn fill(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.done = 0;
    }
}

impl Pump {
    /// Takes the caller's terminal into raw mode.
    pub(super) fn new(master: OwnedFd) -> io::Result<Self> {
        Self::between(master, None, None)
    }

    /// The same for a console, which is a stream of the keeper's, and is left by keys.
    pub(super) fn of_console(stream: OwnedFd, keeper: OwnedFd, detach: Detach) -> io::Result<Self> {
        Self::between(stream, Some(keeper), Some(detach))
    }

    fn between(master: OwnedFd, keeper: Option<OwnedFd>, detach: Option<Detach>) -> io::Result<Self> {
        socket::set_nonblocking(&master)?;
        let before = tty::settings(io::stdin())?;
        let (typed, shown) = (Buffer::default(), Buffer::default());
        let mut pump = Self { master, keeper, detach, before, foreground: false, typed, shown, master_closed: false };
        pump.resume()?;
        Ok(pump)
    }

    /// Raw mode where the terminal is ours, and the window's size as it is now.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        self.foreground = tty::is_foreground(STDIN);
        if self.foreground {
            tty::apply(io::stdin(), &self.before.raw())?;
        }
        self.resize()
    }

    /// How long to wait at the most. A shell that takes a running job to the foreground tells nobody.
    pub(super) fn patience(&self) -> Option<Duration> {
        (!self.foreground).then_some(LOOK)
    }

    /// Takes the terminal into raw mode if it has become ours.
    pub(super) fn look(&mut self) -> io::Result<()> {
        if self.foreground { Ok(()) } else { self.resume() }
    }

    /// The terminal as it was.
    pub(super) fn pause(&self) -> io::Result<()> {
        if self.foreground { tty::apply(io::stdin(), &self.before) } else { Ok(()) }
    }

    /// Gives the box's terminal the size of the caller's.
    pub(super) fn resize(&self) -> io::Result<()> {
        let size = tty::window_size(io::stdin())?;
        match &self.keeper {
            Some(keeper) => Request::Resize(size.ws_col, size.ws_row).send(keeper),
            None => tty::set_window_size(&self.master, size),
        }
    }

    /// What to wait for: keyboard, screen, box. Nothing is read that cannot be passed on.
    pub(super) fn wants(&self) -> [(BorrowedFd<'_>, Ready); 3] {
        let keyboard = Ready { read: self.foreground && self.typed.is_empty(), write: false };
        let screen = Ready { read: false, write: !self.shown.is_empty() };
        let inside = Ready { read: self.shown.is_empty() && !self.master_closed, write: !self.typed.is_empty() };
        [(STDIN, keyboard), (STDOUT, screen), (self.master.as_fd(), inside)]
    }

    /// Moves what can be moved.
    pub(super) fn turn(&mut self, ready: &[Ready]) -> io::Result<Turn> {
        let [keyboard, screen, inside] = ready else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut chunk = [0; CHUNK];
        if keyboard.read {
            match stream::read(STDIN, &mut chunk) {
                Ok(Some(length @ 1..)) => {
                    let typed = &chunk[..length];
                    if let Some(before) = self.detach.as_mut().and_then(|detach| detach.after(typed)) {
                        // What was typed before is the box's all the same, if it takes it now.
                        let _ = stream::write(&self.master, &typed[..before]);
                        return Ok(Turn::Detached);
                    }
                    self.typed.fill(typed);
                }
                Ok(None) => {}
                // End of file, or an error: a terminal that was hung up.
                Ok(Some(_)) | Err(_) => return Ok(Turn::HungUp),
            }
        }
        if inside.read {
            self.read_master(&mut chunk);
        }
        if inside.write {
            match stream::write(&self.master, self.typed.rest()) {
                Ok(written) => self.typed.done += written.unwrap_or(0),
                // Nobody is there to read it.
                Err(_) => self.typed.fill(&[]),
            }
        }
        if screen.write || (!self.shown.is_empty() && inside.read) {
            match stream::write(STDOUT, self.shown.rest()) {
                Ok(written) => self.shown.done += written.unwrap_or(0),
                Err(_) => return Ok(Turn::HungUp),
            }
        }
        Ok(Turn::GoesOn)
    }

    /// Whether nobody in the box has its end open any more, and all is shown.
    pub(super) fn is_over(&self) -> bool {
        self.master_closed && self.shown.is_empty()
    }

    /// Shows what the box had still written when its program ended. What runs on in the background is not waited for.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        loop {
            while !self.shown.is_empty() {
                match stream::write(STDOUT, self.shown.rest())? {
                    Some(written) => self.shown.done += written,
                    None => return Ok(()),
                }
            }
            if !self.read_master(&mut chunk) {
                return Ok(());
            }
        }
    }

    fn read_master(&mut self, chunk: &mut [u8]) -> bool {
        match stream::read(&self.master, chunk) {
            Ok(Some(length @ 1..)) => {
                self.shown.fill(&chunk[..length]);
                true
            }
            Ok(None) => false,
            // EIO: the last descriptor of the slave was closed (pty(7)).
            Ok(Some(_)) | Err(_) => {
                self.master_closed = true;
                false
            }
        }
    }
}

/// Standard input and output stay open for as long as the program runs.
const STDIN: BorrowedFd<'static> = stream::STDIN;
/// See [`STDIN`].
const STDOUT: BorrowedFd<'static> = stream::STDOUT;

impl Drop for Pump {
    fn drop(&mut self) {
        // A terminal that is gone cannot be put right, and has nobody before it.
        let _ = self.pause();
    }
}
