//! Unpacks Debian packages as envbox does: `debs DIR ARCH DEB…` leaves a tree for `dpkg --configure -a`.
#![allow(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;

use envbox::host::Host;
use envbox::sys::process::SingleThread;
use envbox::unpack::{self, Deb, Root, dpkg};
use envbox::userns::{self, Identity};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: debs DIR ARCH DEB...";
    let (target, arch) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let debs = arguments.map(|path| File::open(&path).map(|file| Deb { package: path, file }));
    let debs: Vec<Deb> = debs.collect::<Result<_, _>>()?;
    let host = Host::probe()?;
    let identity = Identity::of(&host)?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let bytes: u64 = userns::run(&SingleThread::prove()?, &identity, |_| {
        let root = Root::confine(Path::new(&target))?;
        let unpacked = unpack::debs(&root, debs.into_iter(), threads, &|_| {})?;
        dpkg::write_database(&root, &unpacked, &arch)?;
        Ok::<_, unpack::Error>(unpacked.iter().map(unpack::Unpacked::bytes).sum())
    })?;
    println!("{bytes}");
    Ok(())
}
