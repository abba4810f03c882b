//! A program on a terminal.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A program whose three streams and controlling terminal are a pty of ours. Dropped, the terminal hangs up.
pub(crate) struct Pty {
    child: Child,
    master: File,
    output: Receiver<Vec<u8>>,
    /// Closed, it ends the thread that reads, and with that the last use of the master.
    _reading: PipeWriter,
    /// What was read and not yet expected.
    seen: String,
}

/// How long a program may take to print what is expected.
const PATIENCE: Duration = Duration::from_secs(20);

impl Pty {
    /// Starts a command on a terminal of 24 lines and 80 columns.
    pub(crate) fn spawn(command: &Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        // Close-on-exec from the first, or whatever is started meanwhile keeps the terminal from hanging up.
        let master = openpt(flags).unwrap();
        unlockpt(&master).unwrap();
        let slave = || ioctl_tiocgptpeer(&master, flags).unwrap();
        // setsid(1) makes its standard input the controlling terminal, which in Rust would be unsafe code.
        let mut setsid = Command::new("setsid");
        setsid.arg("--ctty").arg(command.get_program()).args(command.get_args()).env_clear();
        setsid.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        setsid.current_dir(command.get_current_dir().unwrap());
        let child = setsid.stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
        drop(setsid);
        let master = File::from(master);
        let (sender, output) = channel();
        let mut reader = master.try_clone().unwrap();
        let (over, reading) = std::io::pipe().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while wait_for_either(&reader, &over) {
                // The last close of the other side is EIO here (pty(7)).
                let Ok(length @ 1..) = reader.read(&mut bytes) else { return };
                if sender.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let pty = Self { child, master, output, _reading: reading, seen: String::new() };
        pty.resize(24, 80);
        pty
    }

    /// Types.
    pub(crate) fn send(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for a text and returns what came before it.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((before, after)) = self.seen.split_once(text) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.seen = after;
                return before;
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("`{text}` did not come; this did: {:?}", self.seen)
                }
            }
        }
    }

    /// Changes the size of the terminal.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).unwrap();
    }

    /// Waits for the program to end, and returns all that it printed since.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.seen += &String::from_utf8_lossy(&bytes);
        }
        (status, self.seen)
    }
}

/// Waits until there is something to read; `false` if it is over instead.
fn wait_for_either(reader: &File, over: &PipeReader) -> bool {
    let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN), PollFd::new(over.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::NONE).unwrap();
    fds[1].revents().is_none_or(|came| came.is_empty())
}
