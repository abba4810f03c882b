//! Unpacks an archive as envbox does: `unpack DIR [layer] < ARCHIVE` prints the report as JSON. A layer is one of an OCI
//! image, with its DiffID and its index.
#![allow(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::io;
use std::path::Path;

use envbox::host::Host;
use envbox::sys::process::SingleThread;
use envbox::unpack::{self, Options, Root, Whiteouts};
use envbox::userns::{self, Identity};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let target = arguments.next().ok_or("usage: unpack DIR [layer] < ARCHIVE")?;
    let options = match arguments.next() {
        Some(_) => Options {
            whiteouts: Whiteouts::Oci,
            hash_input: false,
            hash_content: true,
            index: true,
            ..Options::default()
        },
        None => Options::default(),
    };
    let host = Host::probe()?;
    let identity = Identity::of(&host)?;
    let report = userns::run(&SingleThread::prove()?, &identity, |_| {
        let root = Root::confine(Path::new(&target))?;
        unpack::tar(&root, io::stdin(), &options, &mut |_| {})
    })?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
