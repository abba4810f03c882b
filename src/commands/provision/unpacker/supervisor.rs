//! The process in the namespace that has the layers unpacked.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use super::failure::{Failure, Told};
use super::{Handed, LAST, Task, Unpacked, child};
use crate::commands::layer;
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Fork, Pid, Signal, SingleThread};
use crate::sys::root::{self, Open};
use crate::sys::{signal, socket, stream, tree};
use crate::ui::{Progress, Ui};
use crate::unpack::{Growing, Report};
use crate::userns;

/// The process in the namespace.
pub(super) struct Supervisor<'a> {
    proof: &'a SingleThread,
    tasks: &'a [Task],
    /// Where layers come from, until all have come.
    requests: Option<OwnedFd>,
    waiting: VecDeque<(Handed, Vec<OwnedFd>)>,
    running: Vec<Worker>,
    done: Vec<Option<Report>>,
    /// Layers that could not be unpacked. While there are downloads, such a layer may yet come anew.
    failed: BTreeMap<usize, Failure>,
    /// Bytes of the layers that are done.
    finished: u64,
}

/// A child that unpacks a layer.
struct Worker {
    task: usize,
    pid: Pid,
    answer: OwnedFd,
    told: Vec<u8>,
    /// The child's input: the two share its offset, which says how far it is.
    input: File,
}

impl<'a> Supervisor<'a> {
    pub(super) fn new(proof: &'a SingleThread, tasks: &'a [Task], requests: OwnedFd) -> Self {
        let done = tasks.iter().map(|_| None).collect();
        let (waiting, running) = (VecDeque::new(), Vec::new());
        Self { proof, tasks, requests: Some(requests), waiting, running, done, failed: BTreeMap::new(), finished: 0 }
    }

    pub(super) fn run(mut self, ui: &Ui, others: &[PathBuf]) -> Result<Vec<Unpacked>, Failure> {
        let outcome = self.work(ui);
        for worker in self.running.drain(..) {
            // Only where something has failed: whatever the others would say, it is not wanted.
            let _ = signal::kill(worker.pid, Signal::SIGKILL).and_then(|()| process::wait(worker.pid));
        }
        outcome?;
        let reports: Option<Vec<Report>> = self.done.into_iter().collect();
        let reports = reports.ok_or(Failure::Missing)?;
        // From the lowest up: what is taken over from below must be complete there.
        let complete = |(task, report): (&Task, Report)| {
            child::adopt(task, &report)?;
            let layer = task.target.parent().ok_or(Failure::Missing)?;
            Ok(Unpacked { sealed: layer::prepare(layer, others)?, report })
        };
        self.tasks.iter().zip(reports).map(complete).collect()
    }

    /// Until all layers are unpacked, or one of them cannot be.
    fn work(&mut self, ui: &Ui) -> Result<(), Failure> {
        let at_once = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).get();
        let mut bar = None;
        loop {
            while self.running.len() < at_once
                && let Some((what, fds)) = self.waiting.pop_front()
            {
                self.start(&what, fds)?;
            }
            if self.requests.is_none() {
                match self.failed.pop_first() {
                    Some((_, failure)) => return Err(failure),
                    None if self.running.is_empty() => return Ok(()),
                    None => {}
                }
            }
            // While there is something to download, that has the user's screen.
            if self.requests.is_none() && bar.is_none() {
                bar = Some(Bar::new(ui, self.tasks));
            }
            self.wait(bar.is_some().then_some(BETWEEN_LOOKS))?;
            if let Some(bar) = &mut bar {
                bar.show(self.finished + self.running.iter_mut().map(Worker::progress).sum::<u64>());
            }
        }
    }

    /// Waits for a layer to come or for a child to say something, and takes what there is.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), Failure> {
        const READ: Ready = Ready { read: true, write: false };
        let answers = self.running.iter().map(|worker| (worker.answer.as_fd(), READ));
        let requests = self.requests.iter().map(|requests| (requests.as_fd(), READ));
        let fds: Vec<_> = answers.chain(requests).collect();
        let ready = poll::wait(&fds, timeout).map_err(|error| Failure::Kernel("wait for layers", error))?;
        let (answered, requested) = ready.split_at(self.running.len());
        let requested = requested.iter().any(|ready| ready.read);
        // From the back, as those that are done are taken out.
        let answered: Vec<usize> = (0..answered.len()).rev().filter(|&index| answered[index].read).collect();
        for index in answered {
            self.hear(index)?;
        }
        if requested { self.receive() } else { Ok(()) }
    }

    fn receive(&mut self) -> Result<(), Failure> {
        let Some(requests) = &self.requests else { return Ok(()) };
        let mut bytes = [0; 256];
        let (length, fds) =
            socket::receive(requests, &mut bytes).map_err(|error| Failure::Kernel("take a layer", error))?;
        if fds.is_empty() {
            self.requests = None;
            return if &bytes[..length] == LAST { Ok(()) } else { Err(Failure::GivenUp) };
        }
        let what: Handed = serde_json::from_slice(&bytes[..length])
            .map_err(|error| Failure::Kernel("understand a message", error.into()))?;
        self.forget(what.task)?;
        self.waiting.push_back((what, fds));
        Ok(())
    }

    /// Undoes what has been done for a task: its layer was not what it should be, and comes anew.
    fn forget(&mut self, task: usize) -> Result<(), Failure> {
        let failed = |error| Failure::Kernel("begin a layer anew", error);
        self.waiting.retain(|(what, _)| what.task != task);
        if let Some(index) = self.running.iter().position(|worker| worker.task == task) {
            let worker = self.running.swap_remove(index);
            signal::kill(worker.pid, Signal::SIGKILL).and_then(|()| process::wait(worker.pid)).map_err(failed)?;
        }
        let target = &self.tasks.get(task).ok_or(Failure::Missing)?.target;
        self.failed.remove(&task);
        if self.done[task].take().is_some() {
            self.finished -= self.tasks[task].size;
        }
        match (target.parent(), target.file_name()) {
            (Some(parent), Some(name)) if target.exists() => root::open_absolute(parent, Open::Directory)
                .and_then(|parent| tree::remove(parent.as_fd(), name))
                .map_err(failed),
            _ => Ok(()),
        }
    }

    fn start(&mut self, what: &Handed, fds: Vec<OwnedFd>) -> Result<(), Failure> {
        let task = self.tasks.get(what.task).ok_or(Failure::Missing)?;
        let mut fds = fds.into_iter();
        let (file, more) = (fds.next().map(File::from).ok_or(Failure::Missing)?, fds.next());
        let failed = |error| Failure::Kernel("start an unpacker", error);
        let (answer, tell) = process::pipe().map_err(failed)?;
        let input = file.try_clone().map_err(failed)?;
        match process::fork(self.proof).map_err(failed)? {
            Fork::Parent(pid) => {
                self.running.push(Worker { task: what.task, pid, answer, told: Vec::new(), input });
                Ok(())
            }
            Fork::Child => process::finish(|| {
                let outcome = child::unpack(self.proof, task, what.blob, Growing::new(file, task.size, more));
                let outcome = outcome.map_err(|error| userns::chain(&error));
                let told = serde_json::to_vec(&outcome).is_ok_and(|bytes| File::from(tell).write_all(&bytes).is_ok());
                u8::from(!told)
            }),
        }
    }

    /// Takes what a child says; its last word is its report.
    fn hear(&mut self, index: usize) -> Result<(), Failure> {
        let worker = &mut self.running[index];
        let mut bytes = [0; 64 << 10];
        let heard = stream::read(&worker.answer, &mut bytes);
        match heard.map_err(|error| Failure::Kernel("hear from an unpacker", error))? {
            None => Ok(()),
            Some(_) if worker.told.len() > MOST => Err(Failure::TooMuch),
            Some(length @ 1..) => {
                worker.told.extend_from_slice(&bytes[..length]);
                Ok(())
            }
            Some(0) => {
                let worker = self.running.swap_remove(index);
                let task = &self.tasks[worker.task];
                process::wait(worker.pid).map_err(|error| Failure::Kernel("wait for an unpacker", error))?;
                let outcome: Result<Report, Vec<String>> =
                    serde_json::from_slice(&worker.told).unwrap_or_else(|_| Err(Vec::new()));
                match outcome {
                    Ok(report) => {
                        self.done[worker.task] = Some(report);
                        self.finished += task.size;
                    }
                    Err(texts) => {
                        let (layer, source) = (task.diff_id, Told::from_texts(texts));
                        self.failed.insert(worker.task, Failure::Layer { layer, source });
                    }
                }
                Ok(())
            }
        }
    }
}

impl Worker {
    /// Bytes of input that the child has read.
    fn progress(&mut self) -> u64 {
        self.input.stream_position().unwrap_or(0)
    }
}

/// Bytes of a report: of some hundred thousand whiteouts.
const MOST: usize = 64 << 20;

/// Often enough to see that it moves.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// How far all of it is.
struct Bar {
    shown: u64,
    bar: Option<Progress>,
}

impl Bar {
    fn new(ui: &Ui, tasks: &[Task]) -> Self {
        let label = match tasks.len() {
            1 => "unpacking".to_owned(),
            count => format!("unpacking {count} layers"),
        };
        Self { shown: 0, bar: Some(ui.progress(&label, Some(tasks.iter().map(|task| task.size).sum()))) }
    }

    fn show(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.advance(done.saturating_sub(self.shown));
            self.shown = self.shown.max(done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
    }
}
