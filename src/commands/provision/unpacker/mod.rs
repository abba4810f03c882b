//! Layers are unpacked by processes in the user namespace, several at once, while they are still being downloaded.
//!
//! One process crosses into the namespace, before this one downloads anything. It is handed the layers' files over a socket,
//! and forks for each a child that is locked into the layer's directory.

mod child;
mod failure;
mod supervisor;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::commands::layer::Sealed;
use crate::error::{Error, Result};
use crate::image::Digest;
use crate::sys::process::{self, SingleThread};
use crate::sys::{socket, stream};
use crate::ui::Ui;
use crate::unpack::Report;
use crate::userns::{self, Identity, Work};
pub(super) use child::write_index;
use supervisor::Supervisor;

/// A layer to be unpacked.
#[derive(Debug)]
pub(super) struct Task {
    /// Where the tree comes to be; its parent is there.
    pub(super) target: PathBuf,
    /// Where its index comes to be.
    pub(super) index: File,
    /// The trees of the layers below it, the topmost first.
    pub(super) below: Vec<PathBuf>,
    /// What it must decompress to.
    pub(super) diff_id: Digest,
    /// Bytes of the file it is in.
    pub(super) size: u64,
}

/// A layer that is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Unpacked {
    /// How the unpacking went.
    pub(super) report: Report,
    /// What became of the tree.
    pub(super) sealed: Sealed,
}

/// What comes with a layer's file, and with the pipe that says that it has grown, if it is still growing.
#[derive(Debug, Serialize, Deserialize)]
struct Handed {
    task: usize,
    /// What the file itself must be, where that has not been seen yet.
    blob: Option<Digest>,
}

/// Layers that are being unpacked. Dropped before they are finished, they are given up.
#[derive(Debug)]
pub(super) struct Unpacking {
    layers: OwnedFd,
    // The texts of what went wrong, as they come from another process.
    work: Work<std::result::Result<Vec<Unpacked>, Vec<String>>>,
}

impl Unpacking {
    /// Starts the process that unpacks. `others` are trees that the layers may share files with. After this, threads may be
    /// started.
    ///
    /// # Errors
    /// Whatever keeps it from crossing into the namespace.
    pub(super) fn start(
        proof: &SingleThread,
        identity: &Identity,
        ui: &Ui,
        tasks: &[Task],
        others: &[PathBuf],
    ) -> Result<Self> {
        let (layers, requests) = socket::pair().map_err(Error::new)?;
        let work = userns::start(proof, identity, |proof| {
            Ok::<_, io::Error>(
                Supervisor::new(proof, tasks, requests).run(ui, others).map_err(|error| userns::chain(&error)),
            )
        })?;
        Ok(Self { layers, work })
    }

    /// Hands over the whole file of a layer. `blob` is the digest that it must have, where nobody has looked yet.
    ///
    /// # Errors
    /// sendmsg(2)'s; `BrokenPipe` where the unpacking has failed, as [`Unpacking::finish`] tells.
    pub(super) fn whole(&self, task: usize, file: File, blob: Option<Digest>) -> io::Result<()> {
        self.hand(&Handed { task, blob }, &[file.into()])
    }

    /// Hands over a file that is still growing.
    ///
    /// # Errors
    /// As [`Unpacking::whole`].
    pub(super) fn growing(&self, task: usize, file: File) -> io::Result<Growth> {
        let (more, grew) = process::pipe()?;
        socket::set_nonblocking(&grew)?;
        self.hand(&Handed { task, blob: None }, &[file.into(), more])?;
        Ok(Growth(grew))
    }

    fn hand(&self, what: &Handed, fds: &[OwnedFd]) -> io::Result<()> {
        socket::send(&self.layers, &serde_json::to_vec(what)?, fds)
    }

    /// Waits until all that was handed over is unpacked: the reports, in the order of the tasks.
    ///
    /// # Errors
    /// The first failure.
    pub(super) fn finish(self) -> Result<Vec<Unpacked>> {
        // If the unpacker has gone away, it knows why.
        let _ = socket::send(&self.layers, LAST, NO_FILE);
        self.work.finish()?.map_err(|texts| userns::Error::Work(texts).into())
    }
}

/// A message without a file is the last. Closing would not do: the unpacker was forked with this end open too.
const LAST: &[u8] = b"-";
const NO_FILE: &[OwnedFd] = &[];

/// The end of the pipe that tells that a file has grown. Dropped, nothing more will come.
#[derive(Debug)]
pub(super) struct Growth(OwnedFd);

impl Growth {
    /// There is more of it.
    pub(super) fn grew(&self) {
        // A full pipe wakes its reader as well; one without a reader is of an unpacking that has failed.
        let _ = stream::write(&self.0, b"+");
    }
}
