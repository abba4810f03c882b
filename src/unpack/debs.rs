//! Many Debian packages at once, into one tree.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::deb::{self, Deb, Unpacked};
use super::merged_usr::MergedUsr;
use super::name::Shown;
use super::writer::{open_deferred, set_dir};
use super::{Error, Limits, Root};

/// Unpacks packages, so many at a time, in the order they come in; the iterator may wait, for downloads say. The result is
/// by name, and the tree is the same whatever the order: a directory that several packages have is as `base-files` has it,
/// else as the first by name has it, and a file is the package's that replaces the other. Configuration files are named
/// `.dpkg-new`, for `dpkg --configure` to put in place. The links of a merged `/usr` are made first. `progress` is told the
/// size of each package that is done.
///
/// # Errors
/// [`Error`], the first one; the tree holds what was unpacked so far.
pub fn debs(
    root: &Root,
    debs: impl Iterator<Item = Deb> + Send,
    threads: NonZeroUsize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Unpacked>, Error> {
    let merged = MergedUsr::new(root)?;
    let (queue, stop) = (Mutex::new(debs), AtomicBool::new(false));
    let work = || -> Result<Vec<Unpacked>, Error> {
        let mut done = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(deb) = next else { break };
            let unpacked = deb::unpack(root, &deb, &Limits::default(), &merged).map_err(|source| {
                stop.store(true, Ordering::Relaxed);
                Error::Deb { package: deb.package.clone(), source: Box::new(source) }
            })?;
            progress(deb.file.metadata().map_or(0, |file| file.len()));
            done.push(unpacked);
        }
        Ok(done)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let mut unpacked = Vec::new();
    for result in results {
        unpacked.append(&mut result?);
    }
    unpacked.sort_by_key(|package| package.package().to_owned());
    refuse_overlaps(&unpacked)?;
    set_directories(root, &unpacked)?;
    Ok(unpacked)
}

/// A file of two packages is an error, unless one of them says that it replaces others: then it was the one to write it.
fn refuse_overlaps(packages: &[Unpacked]) -> Result<(), Error> {
    let mut owners: HashMap<Vec<u8>, &Unpacked> = HashMap::new();
    for package in packages {
        for file in package.files.iter().filter(|file| !file.is_dir) {
            let Some(other) = owners.insert(MergedUsr::canonical(&file.path), package) else { continue };
            let replaces = |package: &Unpacked| package.field("Replaces").is_some();
            if replaces(package) == replaces(other) {
                let (first, second) = (other.package().to_owned(), package.package().to_owned());
                return Err(Error::Overlap { name: Shown::new(&file.path), first, second });
            }
        }
    }
    Ok(())
}

/// Sets owners, modes and times of directories: of each by the first package that has it.
fn set_directories(root: &Root, packages: &[Unpacked]) -> Result<(), Error> {
    let (base, rest): (Vec<_>, Vec<_>) = packages.iter().partition(|package| package.package() == "base-files");
    let (mut paths, mut inodes) = (HashSet::new(), HashSet::new());
    for dir in base.into_iter().chain(rest).flat_map(|package| &package.deferred) {
        if !paths.insert(dir.path.as_slice()) {
            continue;
        }
        let Some(fd) = open_deferred(root, &dir.path)? else { continue };
        // By way of a link, two paths may be one directory.
        let status = crate::sys::fs::status(&fd).map_err(|source| Error::write("look at", &dir.path, source))?;
        if inodes.insert(status.identity) {
            set_dir(&fd, &dir.path, &dir.meta)?;
        }
    }
    Ok(())
}
