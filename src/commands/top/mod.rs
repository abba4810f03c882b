//! `envbox top`

mod screen;

use std::time::{Duration, Instant};

use screen::{Size, View};

use super::stats::{Row, Watched};
use crate::cli::{Column, Top};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::store;
use crate::sys::poll::{self, Ready};
use crate::sys::signal::{self, Signal, Signals};
use crate::sys::{stream, tty};
use crate::ui::Ui;

/// How often it is drawn anew.
const EVERY: Duration = Duration::from_secs(1);

/// The other screen, without a cursor, and back (xterm's control sequences, DECSET 1049 and 25).
const BEGIN: &str = "\u{1b}[?1049h\u{1b}[?25l";
const END: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// Bytes that a terminal in raw mode sends for Ctrl-C, Ctrl-D and Ctrl-Z.
const INTERRUPT: u8 = 3;
const END_OF_FILE: u8 = 4;
const SUSPEND: u8 = 26;

const SIGNALS: [Signal; 5] = [Signal::SIGWINCH, Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTTOU];

pub(super) fn run(args: &Top, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    if !tty::is_terminal(stream::STDIN) || !tty::is_terminal(stream::STDOUT) {
        return Err(Error::new("there is no terminal to draw on").hint("envbox stats   shows the same once"));
    }
    let signals = Signals::watch(&SIGNALS).map_err(Error::new)?;
    let terminal = Terminal::take(ui)?;
    let mut watch = Watch { boxes: Vec::new(), rows: Vec::new() };
    let mut view = View { sort: args.sort, reverse: false, coloured: ui.is_coloured() };
    let mut due = Instant::now();
    loop {
        if due <= Instant::now() {
            watch.look(&context);
            due = Instant::now() + EVERY;
        }
        terminal.draw(&screen::screen(&watch.rows, view, terminal.size()?))?;
        let read = Ready { read: true, write: false };
        let wanted = [(stream::STDIN, read), (std::os::fd::AsFd::as_fd(&signals), read)];
        let ready = poll::wait(&wanted, Some(due.saturating_duration_since(Instant::now()))).map_err(Error::new)?;
        while let Some(arrival) = signals.next().map_err(Error::new)? {
            if !matches!(arrival.signal, Signal::SIGWINCH | Signal::SIGTTOU) {
                return Ok(0);
            }
        }
        if ready[0].read && !terminal.obey(&mut view)? {
            return Ok(0);
        }
    }
}

/// The boxes that are up, and what they use.
struct Watch {
    boxes: Vec<Watched>,
    rows: Vec<Row>,
}

impl Watch {
    fn look(&mut self, context: &Context<'_>) {
        let mut last = std::mem::take(&mut self.boxes);
        for name in store::box_names(context.store.data()) {
            let Some(found) = Watched::new(context, &name) else { continue };
            // One that is still the same knows how much it had used.
            let known = last.iter().position(|other| other.name == found.name && other.keeper == found.keeper);
            self.boxes.push(known.map_or(found, |known| last.swap_remove(known)));
        }
        self.rows = self.boxes.iter_mut().map(Watched::look).collect();
    }
}

/// The user's terminal, in raw mode and on its other screen. Dropped, it is as it was.
struct Terminal<'a> {
    ui: &'a Ui,
    before: tty::Settings,
}

impl<'a> Terminal<'a> {
    fn take(ui: &'a Ui) -> Result<Self> {
        let before = tty::settings(stream::STDIN).map_err(Error::new)?;
        let terminal = Self { ui, before };
        terminal.begin()?;
        Ok(terminal)
    }

    fn begin(&self) -> Result<()> {
        tty::apply(stream::STDIN, &self.before.raw()).map_err(Error::new)?;
        self.draw(BEGIN)
    }

    fn end(&self) -> Result<()> {
        let drawn = self.draw(END);
        tty::apply(stream::STDIN, &self.before).map_err(Error::new)?;
        drawn
    }

    fn draw(&self, text: &str) -> Result<()> {
        self.ui.data(text)
    }

    fn size(&self) -> Result<Size> {
        let size = tty::window_size(stream::STDOUT).map_err(Error::new)?;
        // A terminal that does not know has the size that they all once had.
        let or = |number: u16, usual: usize| if number == 0 { usual } else { usize::from(number) };
        Ok(Size { lines: or(size.ws_row, 24), columns: or(size.ws_col, 80) })
    }

    /// Does what was typed; `false` if that is to leave.
    fn obey(&self, view: &mut View) -> Result<bool> {
        let mut keys = [0; 16];
        // End of file, or an error: a terminal that was hung up.
        let Ok(Some(length @ 1..)) = stream::read(stream::STDIN, &mut keys) else { return Ok(false) };
        for key in &keys[..length] {
            match key {
                b'q' | b'Q' | &(INTERRUPT | END_OF_FILE) => return Ok(false),
                b'c' => view.sort = Column::Cpu,
                b'm' => view.sort = Column::Memory,
                b'p' => view.sort = Column::Pids,
                b'i' => view.sort = Column::Io,
                b'n' => view.sort = Column::Name,
                b'r' => view.reverse = !view.reverse,
                &SUSPEND => {
                    self.end()?;
                    signal::raise(Signal::SIGSTOP).map_err(Error::new)?;
                    self.begin()?;
                }
                // What a terminal sends for an arrow begins with an escape, and means nothing here.
                0x1b => break,
                _ => {}
            }
        }
        Ok(true)
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // A terminal that is gone cannot be put right, and has nobody before it.
        let _ = self.end();
    }
}
