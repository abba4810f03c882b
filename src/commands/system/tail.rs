//! What a system box has said: its console, and its journal.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use crate::commands::{apart, session};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::launch::{self, BEGINNING};
use crate::plan::init::{InitPlan, Kind};
use crate::recipe::BoxName;
use crate::store::StoredBox;
use crate::sys::poll::{self, Ready, Watch};

/// Lines that are shown of a boot that failed.
const SHOWN: usize = 30;

/// How often it is looked whether a box whose console is followed is still up.
const LOOKS: Duration = Duration::from_secs(1);

/// How much is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    /// The last so many lines; all without it.
    pub(crate) lines: Option<usize>,
    /// Whether to go on with what comes.
    pub(crate) follow: bool,
}

/// Prints what a box's console has shown.
///
/// # Errors
/// The log cannot be read; standard output cannot be written.
pub(crate) fn console(context: &Context<'_>, name: &BoxName, wanted: Tail) -> Result<()> {
    let runtime = context.store.runtime(name);
    let path = runtime.console_log();
    // Before anything is read, so that nothing is missed.
    let watch = wanted.follow.then(|| watch(&path)).transpose().map_err(|error| unread(&path, &error))?;
    let mut file = match fs::File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(|error| unread(&path, &error))?,
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(|error| unread(&path, &error))?;
    context.ui.data(last(&text, wanted.lines))?;
    let Some(watch) = watch else { return Ok(()) };
    let mut up = true;
    while up {
        poll::wait(&[(watch.as_fd(), Ready { read: true, write: false })], Some(LOOKS)).map_err(Error::new)?;
        watch.changes().map_err(Error::new)?;
        // Looked at first: what it says at its end is shown too.
        up = launch::is_up(&runtime);
        let added = added(&mut file, &path).map_err(|error| unread(&path, &error))?;
        context.ui.data(added)?;
    }
    Ok(())
}

fn watch(path: &Path) -> io::Result<Watch> {
    let watch = Watch::new()?;
    watch.add_written(path.parent().unwrap_or(path))?;
    Ok(watch)
}

/// What was added to a log since it was read last. One that was begun anew is read from its beginning.
fn added(file: &mut fs::File, path: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::MetadataExt as _;
    let read = file.stream_position()?;
    let other = fs::metadata(path).is_ok_and(|now| file.metadata().is_ok_and(|known| known.ino() != now.ino()));
    if other {
        *file = fs::File::open(path)?;
    } else if file.metadata()?.len() < read {
        file.seek(SeekFrom::Start(0))?;
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

fn unread(path: &Path, error: &io::Error) -> Error {
    Error::new(format!("cannot read the console's log, {}: {error}", path.display()))
}

/// What of a console's log is the last init's.
fn of_last(log: &[u8]) -> &[u8] {
    let begins = log.windows(BEGINNING.len()).rposition(|text| text == BEGINNING.as_bytes());
    begins.map_or(log, |at| &log[at + BEGINNING.len()..])
}

/// The last lines of a text.
fn last(text: &[u8], lines: Option<usize>) -> &[u8] {
    let Some(lines) = lines else { return text };
    let ends = text.iter().enumerate().rev().filter(|(index, byte)| **byte == b'\n' && index + 1 < text.len());
    let start = match lines.checked_sub(1) {
        None => text.len(),
        Some(more) => ends.map(|(index, _)| index + 1).nth(more).unwrap_or(0),
    };
    &text[start..]
}

/// Prints a box's journal (journalctl(1)); `false` if it has none, or is gone.
///
/// # Errors
/// That the box cannot be asked.
pub(crate) fn journal(context: &Context<'_>, stored: &StoredBox, wanted: Tail) -> Result<bool> {
    // Looked for first: a shell says nothing about a program that is not there, and has a status for it.
    let mut script =
        "command -v journalctl >/dev/null || exit 127; exec journalctl --boot --no-pager --quiet".to_owned();
    script.extend(wanted.lines.map(|lines| format!(" --lines={lines}")));
    script.push_str(if wanted.follow { " --follow" } else { "" });
    let words = ["/bin/sh", "-c", &script].map(Into::into);
    let status = apart::carry_out_in(context, &stored.name, &session::roots(context, stored, &words)?)?;
    Ok(status != 127 && status != apart::GONE)
}

/// Shows the end of what the last init of a box has said on its console, to people. Not its journal's: to that, which begins
/// later, all boots of a box are one, as they are of one boot of the host's (sd-id128(3), `sd_id128_get_boot`).
pub(crate) fn show(context: &Context<'_>, stored: &StoredBox) {
    let text = fs::read(context.store.runtime(&stored.name).console_log()).unwrap_or_default();
    let text = plain(&String::from_utf8_lossy(last(of_last(&text), Some(SHOWN))));
    if !text.trim().is_empty() {
        context.ui.show(text.trim_end());
    }
}

/// The text without what only a terminal understands: colours and other control sequences (ECMA-48, 5.4), carriage returns.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' if rest.next_if_eq(&'[').is_some() => {
                // Parameters, up to the byte that says what is done with them.
                let _final = rest.find(|c| ('@'..='~').contains(c));
            }
            '\u{1b}' if rest.next_if_eq(&']').is_some() => {
                // A string for the terminal itself (ECMA-48, 8.3.89), up to its end: BEL as most write it, else ESC \.
                if rest.find(|c| matches!(c, '\u{7}' | '\u{1b}')) == Some('\u{1b}') {
                    rest.next_if_eq(&'\\');
                }
            }
            '\r' | '\u{1b}' => {}
            other => plain.push(other),
        }
    }
    plain
}

/// A box ended instead of booting.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` has ended before it had booted ({init})")]
struct EndedEarly {
    name: BoxName,
    init: Kind,
}

/// That a box has ended instead of booting, when its last words have been shown.
pub(crate) fn ended(context: &Context<'_>, stored: &StoredBox, init: &InitPlan) -> Error {
    show(context, stored);
    Error::new(EndedEarly { name: stored.name.clone(), init: init.kind })
        .hint(format!("envbox logs {} shows all that its console has shown", stored.name))
}

/// That the boot of a box has failed, when its last words have been shown. It is left up, to be repaired.
pub(crate) fn in_maintenance(context: &Context<'_>, stored: &StoredBox) -> Error {
    show(context, stored);
    let name = &stored.name;
    Error::new(format!("`{name}` has not booted: it is in maintenance (systemd's rescue or emergency mode)"))
        .hint(format!("envbox run {name} --user root: a shell to mend it; envbox logs {name}: what has failed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out() {
        assert_eq!(plain("[\u{1b}[0;32m  OK  \u{1b}[0m] up\r\n\u{1b}[1A\u{1b}7x\u{1b}["), "[  OK  ] up\n7x");
        assert_eq!(plain("\u{1b}]104\u{7}a\u{1b}]0;title\u{1b}\\b"), "ab");
    }

    #[test]
    fn the_last_init_is_shown_and_none_before() {
        let log = format!("a\r\n{BEGINNING}b\r\n{BEGINNING}c\r\n");
        assert_eq!((of_last(log.as_bytes()), of_last(b"a\r\n")), (&b"c\r\n"[..], &b"a\r\n"[..]));
    }

    #[test]
    fn the_last_lines() {
        let text = b"a\nb\nc\n";
        let shown = |lines| String::from_utf8_lossy(last(text, lines)).into_owned();
        assert_eq!(
            [None, Some(0), Some(1), Some(2), Some(9)].map(shown),
            ["a\nb\nc\n", "", "c\n", "b\nc\n", "a\nb\nc\n"]
        );
        assert_eq!((last(b"a\nb", Some(1)), last(b"", Some(3))), (&b"b"[..], &b""[..]));
    }
}
