//! The supervisor: it starts services, looks after them, and leaves when none is left. It has one thread, and waits in one
//! place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::place;
use super::spawn::Starter;
use super::spec::{Ask, Caller};
use super::unit::{Means, Unit};
use super::wire::{Reply, State, Verb};
use crate::sys::family::Family;
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Change, SingleThread};
use crate::sys::signal::{self, Signal, Signals};
use crate::sys::{lock, socket};

/// How long it stays when there is nothing to look after: whoever has started it is about to ask.
const LINGER: Duration = Duration::from_secs(2);
/// How long it waits for one before it that is on its way out.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at that.
const LOOKS: Duration = Duration::from_millis(10);

struct Supervisor {
    means: Means,
    listener: OwnedFd,
    units: BTreeMap<String, Unit>,
    clients: Vec<Client>,
    /// The box is being stopped.
    ending: bool,
    idle_since: Option<Instant>,
}

struct Client {
    connection: OwnedFd,
    verb: Option<Verb>,
    /// The services it waits for.
    watched: BTreeSet<String>,
    over: bool,
}

/// Supervises until there is nothing left to supervise. Where another one does, it is that one's business.
///
/// # Errors
/// Whatever keeps it from beginning, or from going on.
pub(super) fn serve() -> io::Result<()> {
    // What was handed down stays open here, and stands for this process outside of the box, but is nobody else's.
    process::close_rest_on_exec()?;
    place::make_run_dir()?;
    let Some(_lock) = be_the_only_one()? else { return Ok(()) };
    let _ = fs::remove_file(place::SOCKET);
    let _ = fs::remove_file(place::LAST);
    process::adopt_orphans()?;
    let signals = Signals::watch(&[Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT])?;
    let listener = socket::bound(Path::new(place::SOCKET))?;
    socket::set_nonblocking(&listener)?;
    socket::start_listening(&listener)?;
    let starter = Starter::new(SingleThread::prove()?);
    let mut supervisor = Supervisor {
        means: Means { starter, signals, caller: Caller::default() },
        listener,
        units: BTreeMap::new(),
        clients: Vec::new(),
        ending: false,
        idle_since: None,
    };
    supervisor.supervise()
}

/// Takes the lock, which ends with this process. Nothing, if another supervisor answers.
fn be_the_only_one() -> io::Result<Option<File>> {
    let file = File::options().write(true).create(true).truncate(false).open(place::LOCK)?;
    let deadline = Instant::now() + PATIENCE;
    while !lock::try_exclusive(&file)? {
        if socket::connect_to(Path::new(place::SOCKET)).is_ok() || Instant::now() >= deadline {
            return Ok(None);
        }
        poll::wait(&[], Some(LOOKS))?;
    }
    Ok(Some(file))
}

impl Supervisor {
    fn supervise(&mut self) -> io::Result<()> {
        loop {
            self.wait()?;
            let now = Instant::now();
            self.reap(now)?;
            self.take_connections();
            self.hear_clients();
            self.go_on(now);
            self.tell_clients();
            if self.may_leave(now) {
                self.leave();
                return Ok(());
            }
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let read = Ready { read: true, write: false };
        let mut fds = vec![(self.means.signals.as_fd(), read), (self.listener.as_fd(), read)];
        fds.extend(self.clients.iter().map(|client| (client.connection.as_fd(), read)));
        let before = fds.len();
        let printing: Vec<&String> =
            self.units.iter().filter(|(_, unit)| unit.output().is_some()).map(|(name, _)| name).collect();
        fds.extend(self.units.values().filter_map(Unit::output).map(|output| (output, read)));
        let dues = self.units.values().filter_map(Unit::due);
        let due = dues.chain(self.idle_since.map(|since| since + LINGER)).min();
        let timeout = due.map(|at| at.saturating_duration_since(Instant::now()));
        let ready = poll::wait(&fds, timeout)?;
        let printed = printing.into_iter().zip(&ready[before..]).filter(|(_, ready)| ready.read);
        let printed: Vec<String> = printed.map(|(name, _)| name.clone()).collect();
        for name in printed {
            self.units.entry(name).and_modify(Unit::read_output);
        }
        Ok(())
    }

    fn reap(&mut self, now: Instant) -> io::Result<()> {
        while let Some(arrival) = self.means.signals.next()? {
            if arrival.signal == Signal::SIGTERM {
                self.ending = true;
                self.units.values_mut().for_each(Unit::let_go);
            }
        }
        while let Some(change) = process::reap(false)? {
            if let Change::Ended(pid, ended) = change {
                // What nobody knows is what a service has left behind.
                let _ = self.units.values_mut().any(|unit| unit.take_end(pid, ended, now));
            }
        }
        Ok(())
    }

    fn take_connections(&mut self) {
        while let Ok(connection) = socket::accept(&self.listener) {
            // One who asks and does not listen is not waited for.
            if socket::set_nonblocking(&connection).is_ok() {
                self.clients.push(Client { connection, verb: None, watched: BTreeSet::new(), over: false });
            }
        }
    }

    fn hear_clients(&mut self) {
        for mut client in std::mem::take(&mut self.clients) {
            match Verb::receive(&client.connection) {
                Ok((verb, ask)) if client.verb.is_none() => {
                    client.verb = Some(verb);
                    match self.take(verb, &ask) {
                        Ok(watched) => client.watched = watched,
                        Err(no) => {
                            let _ = Reply::No(no).send(&client.connection);
                            client.over = true;
                        }
                    }
                    let known = client.watched.iter().filter_map(|name| self.units.get(name));
                    let known: Vec<_> = known.map(|unit| unit.status.clone()).collect();
                    known.into_iter().for_each(|status| client.tell(&Reply::Is(status)));
                    self.clients.push(client);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.clients.push(client),
                // It has gone, or does not know what it wants.
                _ => {}
            }
        }
    }

    /// Does what is asked for. The result are the services it is about.
    fn take(&mut self, verb: Verb, ask: &Ask) -> Result<BTreeSet<String>, String> {
        match verb {
            Verb::Up if self.ending => Err("the box is being stopped".to_owned()),
            Verb::Up => {
                self.means.caller = ask.caller.clone();
                let wanted = ask.needed()?;
                for name in &wanted {
                    let Some(spec) = ask.services.get(name) else { continue };
                    self.units.entry(name.clone()).or_insert_with(|| Unit::new(name, spec.clone())).want(spec);
                }
                Ok(wanted)
            }
            Verb::Down => {
                let unwanted = self.needing(&ask.names);
                for name in &unwanted {
                    self.units.entry(name.clone()).and_modify(Unit::let_go);
                }
                Ok(unwanted)
            }
            Verb::Ps => Ok(self.units.keys().cloned().collect()),
        }
    }

    /// These services, or all, and those that cannot be without them.
    fn needing(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        if names.is_empty() {
            return self.units.keys().cloned().collect();
        }
        let mut all: BTreeSet<String> = names.iter().filter(|name| self.units.contains_key(*name)).cloned().collect();
        loop {
            let needs = |unit: &Unit| unit.is_alive() && !unit.spec.needs.is_disjoint(&all);
            let more: Vec<String> =
                self.units.iter().filter(|(_, unit)| needs(unit)).map(|(name, _)| name.clone()).collect();
            let before = all.len();
            all.extend(more);
            if all.len() == before {
                return all;
            }
        }
    }

    /// What has come true for one service may let another go on.
    fn go_on(&mut self, now: Instant) {
        let names: Vec<String> = self.units.keys().cloned().collect();
        for _ in 0..=names.len() {
            let before: Vec<State> = self.units.values().map(|unit| unit.status.state).collect();
            for name in &names {
                self.go_on_with(name, now);
            }
            if self.units.values().map(|unit| unit.status.state).eq(before) {
                return;
            }
        }
    }

    fn go_on_with(&mut self, name: &str, now: Instant) {
        let Some(unit) = self.units.get(name) else { return };
        let lacking = unit.spec.needs.iter().find(|need| !self.units.get(*need).is_some_and(Unit::is_there)).cloned();
        let gone = lacking.as_ref().filter(|need| !self.units.get(*need).is_some_and(Unit::is_alive)).cloned();
        let needed = self.units.values().any(|other| other.is_alive() && other.spec.needs.contains(name));
        let Some(unit) = self.units.get_mut(name) else { return };
        match unit.status.state {
            State::Waiting if gone.is_some() => {
                unit.fail(format!("`{}`, which it needs, is not there", gone.unwrap_or_default()));
            }
            State::Waiting if lacking.is_none() => unit.start(&self.means, now),
            State::Starting | State::Ready if !unit.wanted && !needed => unit.stop(None),
            _ => unit.turn(&self.means, now),
        }
    }

    fn tell_clients(&mut self) {
        let news: Vec<_> = self.units.values_mut().filter_map(Unit::news).collect();
        for client in &mut self.clients {
            for status in &news {
                if client.watched.contains(&status.name) {
                    client.tell(&Reply::Is(status.clone()));
                }
            }
            let settled = |name: &String| {
                let Some(unit) = self.units.get(name) else { return true };
                client.verb == Some(Verb::Ps) || !unit.is_alive() || (client.verb == Some(Verb::Up) && unit.is_there())
            };
            if client.verb.is_some() && !client.over && client.watched.iter().all(settled) {
                client.tell(&Reply::Done);
                client.over = true;
            }
        }
        self.clients.retain(|client| !client.over);
    }

    fn may_leave(&mut self, now: Instant) -> bool {
        if !self.clients.is_empty() || self.units.values().any(Unit::is_alive) {
            self.idle_since = None;
            return false;
        }
        self.ending || *self.idle_since.get_or_insert(now) + LINGER <= now
    }

    /// Says how all came to an end, and ends whatever services have left behind. One who asks from now on asks the next one.
    fn leave(&self) {
        let _ = fs::remove_file(place::SOCKET);
        let last: Vec<_> = self.units.values().map(|unit| &unit.status).collect();
        if let Ok(text) = serde_json::to_vec(&last) {
            // Without it nobody knows how they ended, and that is all.
            let _ = fs::write(place::LAST, text);
        }
        for pid in Family::here().map(|family| family.of(process::own_pid())).unwrap_or_default() {
            let _ = signal::kill(pid, Signal::SIGKILL);
        }
    }
}

impl Client {
    fn tell(&mut self, reply: &Reply) {
        self.over |= reply.send(&self.connection).is_err();
    }
}
