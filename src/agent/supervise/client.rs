//! Asking the supervisor: `up`, `down` and `ps`, from inside the box.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::spec::Ask;
use super::wire::{Reply, State, Status, Verb};
use super::{Error, place, tail};
use crate::sys::{poll, process, socket};
use crate::ui::{Cell, Style, Table, Ui};

/// How long a supervisor may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries to reach it.
const LOOKS: Duration = Duration::from_millis(5);
/// Lines of the log of a service that failed.
const LAST_WORDS: usize = 10;

/// The question, which is this program's standard input.
pub(super) fn question() -> Result<(File, Ask), Error> {
    let fail = |source| Error::Failed { what: "read what is asked of it", source };
    let file = File::from(process::duplicate(0).map_err(fail)?);
    let ask = Ask::read(&file).map_err(fail)?;
    Ok((file, ask))
}

/// Brings services up and waits until they are ready. The status is 0 if all are.
pub(super) fn up(ui: &Ui) -> Result<u8, Error> {
    let (file, _) = question()?;
    let mut failed = false;
    let mut started = std::collections::BTreeSet::new();
    let deadline = Instant::now() + PATIENCE;
    let connection = loop {
        match ask(Verb::Up, &file) {
            Ok(connection) => break connection,
            Err(error) if Instant::now() >= deadline => return Err(unreachable(error)),
            // The one that has been started does not listen yet, or the one before it has just left.
            Err(_) => poll::wait(&[], Some(LOOKS)).map(drop).map_err(unreachable)?,
        }
    };
    hear(&connection, &mut |status| {
        failed |= status.state == State::Failed;
        if status.state == State::Starting {
            started.insert(status.name.clone());
        }
        // How long it took is news only to who has waited for it.
        let was_up = status.state == State::Ready && !started.contains(&status.name);
        if let Some(text) = if was_up { Some("is up".to_owned()) } else { told(status) } {
            ui.note(&format!("{}: {text}", status.name));
        }
        if status.state == State::Failed {
            tail::last_lines(&status.name, LAST_WORDS).iter().for_each(|line| ui.note(&format!("  | {line}")));
        }
    })?;
    Ok(u8::from(failed))
}

/// Ends services. Without a supervisor there are none.
pub(super) fn down(ui: &Ui) -> Result<u8, Error> {
    let (file, _) = question()?;
    let Ok(connection) = ask(Verb::Down, &file) else { return Ok(0) };
    let mut seen = std::collections::BTreeMap::new();
    hear(&connection, &mut |status| {
        let before = seen.insert(status.name.clone(), status.state);
        let ends = status.state == State::Stopping || before.is_some();
        if let (true, Some(text)) = (ends && before != Some(status.state), told(status)) {
            ui.note(&format!("{}: {text}", status.name));
        }
    })?;
    Ok(0)
}

/// Shows how services are: those of the recipe, and any others that are there.
pub(super) fn ps(ui: &Ui, json: bool) -> Result<u8, Error> {
    let (file, asked) = question()?;
    let mut all: Vec<Status> = asked.services.keys().map(|name| Status::stopped(name)).collect();
    let mut put = |status: &Status| match all.iter_mut().find(|known| known.name == status.name) {
        Some(known) => *known = status.clone(),
        None => all.push(status.clone()),
    };
    match ask(Verb::Ps, &file) {
        Ok(connection) => hear(&connection, &mut put)?,
        Err(_) => last().iter().for_each(put),
    }
    all.retain(|status| asked.names.is_empty() || asked.names.contains(&status.name));
    show(ui, &all, json).map_err(|source| Error::Failed { what: "show it", source })?;
    Ok(0)
}

fn unreachable(source: io::Error) -> Error {
    Error::Failed { what: "reach the supervisor of the services", source }
}

fn ask(verb: Verb, question: &File) -> io::Result<OwnedFd> {
    let connection = socket::connect_to(Path::new(place::SOCKET))?;
    verb.send(&connection, question)?;
    Ok(connection)
}

fn hear(connection: &OwnedFd, each: &mut dyn FnMut(&Status)) -> Result<(), Error> {
    loop {
        match Reply::receive(connection).map_err(unreachable)? {
            Some(Reply::Is(status)) => each(&status),
            Some(Reply::No(reason)) => return Err(Error::Refused(reason)),
            Some(Reply::Done) => return Ok(()),
            None => return Err(Error::Gone),
        }
    }
}

/// How services were when the last supervisor left; of one that was killed nothing is known.
fn last() -> Vec<Status> {
    let text = fs::read(place::LAST).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// What a user is told of a change.
fn told(status: &Status) -> Option<String> {
    let reason = status.reason.as_deref().unwrap_or_default();
    Some(match status.state {
        State::Waiting => return None,
        State::Starting => "starting".to_owned(),
        State::Ready => match status.took {
            Some(took) => format!("ready ({}.{} s)", took / 1000, took % 1000 / 100),
            None => "ready".to_owned(),
        },
        State::Restarting => format!("{reason}: starting again"),
        State::Stopping => "stopping".to_owned(),
        State::Stopped => "stopped".to_owned(),
        State::Exited => "ended".to_owned(),
        State::Failed => format!("failed: {reason}"),
    })
}

fn show(ui: &Ui, all: &[Status], json: bool) -> io::Result<()> {
    let shown = if json { ui.json(&all) } else { ui.table(&table(all)) };
    shown.map_err(|error| io::Error::other(error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")))
}

fn table(all: &[Status]) -> Table {
    let mut table = Table::new(&["SERVICE", "STATE", "SINCE", "PID", "RESTARTS", "LAST EXIT"]);
    for status in all {
        let word = serde_json::to_value(status.state).ok();
        let style = match status.state {
            State::Ready | State::Exited => Style::Good,
            State::Failed => Style::Bad,
            _ => Style::Plain,
        };
        let since = (status.since > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(status.since));
        let ended = status.ended.map(|ended| ended.to_string()).unwrap_or_default();
        let reason = status.reason.clone().filter(|reason| *reason != ended && status.state == State::Failed);
        table.row([
            status.name.clone().into(),
            Cell::new(word.as_ref().and_then(|word| word.as_str()).unwrap_or_default(), style),
            since.map(crate::ui::age).unwrap_or_default().into(),
            status.pid.map(|pid| pid.to_string()).unwrap_or_default().into(),
            status.restarts.to_string().into(),
            reason.unwrap_or(ended).into(),
        ]);
    }
    table
}
