//! Finding out whether a service is ready.

use std::fs;
use std::time::{Duration, Instant};

use super::spec::{Probe, Ready};
use crate::sys::process::{Ended, Pid};

/// How long a service has to have run that nothing else is known of.
const SURVIVED: Duration = Duration::from_millis(100);
/// The pause after the first try; each further one is twice as long, up to what the recipe says.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long a program may take that is to find out.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known about a service that is not ready yet.
#[derive(Debug)]
pub(super) struct Readiness {
    ready: Option<Ready>,
    since: Instant,
    next: Instant,
    pause: Duration,
    /// The program that is finding out, and when it is killed.
    running: Option<(Pid, Instant)>,
    /// The end of what the service has printed: the text that is waited for may come in two parts.
    printed: Vec<u8>,
    is: bool,
}

/// What a look at it comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It is ready.
    Ready,
    /// It is not, yet.
    NotYet,
    /// It is not, and there is no more time.
    TooLate,
    /// This program is to be started, to find out.
    Start(Vec<String>),
    /// The program has had its time, and is to be killed.
    Kill(Pid),
}

impl Readiness {
    pub(super) fn new(ready: Option<Ready>, now: Instant) -> Self {
        let first = if ready.is_some() { FIRST_PAUSE } else { SURVIVED };
        Self { ready, since: now, next: now + first, pause: FIRST_PAUSE, running: None, printed: Vec::new(), is: false }
    }

    /// Looks, if it is time to.
    pub(super) fn look(&mut self, now: Instant) -> Look {
        if self.is {
            return Look::Ready;
        }
        let Some(ready) = &self.ready else {
            return if now >= self.next { Look::Ready } else { Look::NotYet };
        };
        if now >= self.since + Duration::from_secs(ready.within.into()) {
            return Look::TooLate;
        }
        if let Some((pid, until)) = self.running {
            return if now >= until { Look::Kill(pid) } else { Look::NotYet };
        }
        if now < self.next {
            return Look::NotYet;
        }
        self.pause = (self.pause * 2).min(Duration::from_secs(ready.every.into()));
        self.next = now + self.pause;
        let found = match &ready.probe {
            Probe::Run(words) => return Look::Start(words.clone()),
            Probe::Port(port) => is_listened_on(*port),
            Probe::File(path) => path.exists(),
            Probe::Log(_) => false,
        };
        if found { Look::Ready } else { Look::NotYet }
    }

    /// The program that was to be started has been.
    pub(super) fn started(&mut self, pid: Pid, now: Instant) {
        self.running = Some((pid, now + PATIENCE));
    }

    /// Whether it is the process that is finding out, which has ended so.
    pub(super) fn take_end(&mut self, pid: Pid, ended: Ended) -> bool {
        let own = self.running.is_some_and(|(running, _)| running == pid);
        if own {
            self.running = None;
            self.is = ended == Ended::Exited(0);
        }
        own
    }

    /// The process that is finding out.
    pub(super) fn running(&self) -> Option<Pid> {
        self.running.map(|(pid, _)| pid)
    }

    /// The service has printed this.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        let Some(Ready { probe: Probe::Log(text), .. }) = &self.ready else { return };
        self.printed.extend_from_slice(bytes);
        let text = text.as_bytes();
        self.is |= self.printed.windows(text.len().max(1)).any(|window| window == text);
        let kept = self.printed.len().min(text.len().saturating_sub(1));
        self.printed.drain(..self.printed.len() - kept);
    }

    /// When to look again.
    pub(super) fn due(&self) -> Instant {
        let late = self.ready.as_ref().map(|ready| self.since + Duration::from_secs(ready.within.into()));
        let waits = matches!(&self.ready, Some(Ready { probe: Probe::Log(_), .. }));
        let next = match self.running {
            Some((_, until)) => Some(until),
            None => Some(self.next).filter(|_| !waits),
        };
        next.into_iter().chain(late).min().unwrap_or(self.next)
    }

    /// Seconds that it had to get ready.
    pub(super) fn within(&self) -> u32 {
        self.ready.as_ref().map_or(0, |ready| ready.within)
    }
}

/// Whether somebody listens on a TCP port. Connecting to it would be a client of the service's, who says nothing and goes.
fn is_listened_on(port: u16) -> bool {
    let files = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    files.iter().any(|file| fs::read_to_string(file).is_ok_and(|table| listens(&table, port)))
}

/// Whether a table of sockets (proc_pid_net(5)) has one that listens on the port. The state is 0A then (`TCP_LISTEN`).
fn listens(table: &str, port: u16) -> bool {
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().and_then(|address| address.rsplit_once(':'));
        let is_port = local.is_some_and(|(_, digits)| u16::from_str_radix(digits, 16) == Ok(port));
        is_port && fields.nth(1) == Some("0A")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 20 4 30 10 -1
";

    #[test]
    fn who_listens() {
        assert!(listens(TABLE, 5432));
        assert!(!listens(TABLE, 8080), "a connection is no listener");
        assert!(!listens("", 1) && !listens("x\ny\n", 1));
    }

    fn ready(probe: Probe) -> Readiness {
        Readiness::new(Some(Ready { probe, every: 1, within: 3 }), Instant::now())
    }

    #[test]
    fn a_text_may_come_in_parts() {
        let mut log = ready(Probe::Log("is up".into()));
        let now = Instant::now();
        for (bytes, is) in [("server is", Look::NotYet), ("down\nis ", Look::NotYet), ("up\n", Look::Ready)] {
            log.hear(bytes.as_bytes());
            assert_eq!(log.look(now), is, "{bytes}");
        }
    }

    #[test]
    fn tries_are_repeated_until_it_is_too_late() {
        let mut run = ready(Probe::Run(vec!["true".into()]));
        let start = run.since;
        assert_eq!(run.look(start), Look::NotYet);
        assert_eq!(run.look(run.due()), Look::Start(vec!["true".into()]));
        run.started(Pid::from_raw(7), start);
        assert!(!run.take_end(Pid::from_raw(8), Ended::Exited(0)));
        assert!(run.take_end(Pid::from_raw(7), Ended::Exited(1)));
        assert!(matches!(run.look(run.due()), Look::Start(_)));
        assert_eq!(run.look(start + Duration::from_secs(3)), Look::TooLate);
        assert!(run.take_end(Pid::from_raw(7), Ended::Exited(0)) || run.running().is_none());
    }

    #[test]
    fn without_a_probe_it_has_to_live() {
        let mut none = Readiness::new(None, Instant::now());
        assert_eq!(none.look(none.since), Look::NotYet);
        assert_eq!(none.look(none.due()), Look::Ready);
    }
}
