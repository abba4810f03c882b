//! Unpacks an archive as envbox does: `unpack DIR < ARCHIVE` prints the report as JSON.
#![allow(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::io;
use std::path::Path;

use envbox::host::Host;
use envbox::sys::process::SingleThread;
use envbox::unpack::{self, Options, Root};
use envbox::userns::{self, Identity};

fn main() -> Result<(), Box<dyn Error>> {
    let target = std::env::args_os().nth(1).ok_or("usage: unpack DIR < ARCHIVE")?;
    let host = Host::probe()?;
    let identity = Identity::of(&host)?;
    let report = userns::run(&SingleThread::prove()?, &identity, |_| {
        let root = Root::confine(Path::new(&target))?;
        unpack::tar(&root, io::stdin(), &Options::default(), &mut |_| {})
    })?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
