//! How the processes of a box are asked to end.

use std::time::{Duration, Instant};

use super::{ENDING, Keeper};
use crate::sys::family::Family;
use crate::sys::process::{self, Pid};
use crate::sys::signal::{self, Signal};

impl Keeper<'_> {
    /// Asks all to end. Whatever is left after `grace` seconds is killed.
    pub(super) fn begin_stop(&mut self, grace: u32) {
        let at = Instant::now() + Duration::from_secs(u64::from(grace));
        self.stopping = Some(self.stopping.map_or(at, |earlier| earlier.min(at)));
        match &self.system {
            None => self.end_all(),
            Some(system) => {
                // All else is the init's to end. Sessions are not: it would wait for a shell that ignores what it is sent.
                let leaders: Vec<Pid> = self.sessions.iter().filter_map(|session| session.leader).collect();
                for (leader, signal) in leaders.into_iter().flat_map(|leader| ENDING.map(|signal| (leader, signal))) {
                    self.signal_session(leader, signal);
                }
                system.halt();
            }
        }
    }

    fn end_all(&self) {
        let mains: Vec<_> = self.sessions.iter().filter_map(|session| session.leader.zip(session.main)).collect();
        if mains.is_empty() {
            for signal in ENDING {
                let _ = signal::kill_all(Some(signal));
            }
            return;
        }
        let family = Family::read(&self.proc).unwrap_or_default();
        // What a main process has started may lead a session of its own, and is its to end all the same.
        let is_mains = |pid| {
            let of = process::session_of(pid);
            mains
                .iter()
                .any(|(leader, (main, _))| of.as_ref().is_ok_and(|of| of == leader) || family.descends(pid, *main))
        };
        for pid in self.processes().filter(|&pid| !is_mains(pid)) {
            for signal in ENDING {
                let _ = signal::kill(pid, signal);
            }
        }
        // To them SIGTERM may mean "at once" and SIGHUP "read your configuration": they get the one signal that they asked
        // for, and end their own children.
        for (_, (main, signal)) in &mains {
            let _ = signal::kill_by_number(*main, *signal);
            let _ = signal::kill(*main, Signal::SIGCONT);
        }
    }
}
