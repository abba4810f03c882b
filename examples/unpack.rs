//! Unpacks an archive as envbox does: `unpack DIR < ARCHIVE` prints the report as JSON.
#![allow(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::io;
use std::path::Path;

use envbox::host::{Host, IdHelpers, SubIds};
use envbox::sys::process::SingleThread;
use envbox::unpack::{self, Options, Root};
use envbox::userns::{self, IdMap};

fn main() -> Result<(), Box<dyn Error>> {
    let target = std::env::args_os().nth(1).ok_or("usage: unpack DIR < ARCHIVE")?;
    let host = Host::probe()?;
    let helpers = host.id_helpers()?;
    let sub = match helpers {
        IdHelpers::Direct => SubIds::of_root(&host.user),
        IdHelpers::Programs { .. } => SubIds::of(&host.user)?,
    };
    let map = IdMap::keep_id(host.user.uid, host.user.gid, sub.uid.start, sub.gid.start);
    let report = userns::run(&SingleThread::prove()?, &map, &helpers, |_| {
        let root = Root::confine(Path::new(&target))?;
        unpack::tar(&root, io::stdin(), &Options::default(), &mut |_| {})
    })?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
