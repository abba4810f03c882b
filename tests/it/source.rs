//! Sources against a server that misbehaves, a small archive, and the real one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests, and what they share")]

pub(crate) mod archive;
pub(crate) mod debian;
mod distro;
mod http;
mod process;
pub(crate) mod recipes;
pub(crate) mod server;
mod simplestreams;
mod tarball;
mod verify;

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use envbox::source::Progress;
use envbox::source::http::{Client, Limits};
use envbox::store::blobs::Blobs;

/// Quick to give up, for tests.
fn client() -> Client {
    let quick = Duration::from_millis(20);
    Client::default().with_limits(Limits { stall: Duration::from_millis(500), backoff: quick, ..Limits::default() })
}

fn cache() -> (tempfile::TempDir, Blobs) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::new(dir.path());
    (dir, blobs)
}

/// How many files a cache holds: whole ones, and half ones.
fn held(dir: &Path) -> (usize, usize) {
    let count = |path: &str| fs::read_dir(dir.join(path)).map_or(0, Iterator::count);
    (count("blobs/sha256"), count("blobs/staging"))
}

/// Remembers what it was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) bytes: RefCell<u64>,
    pub(crate) notes: RefCell<Vec<String>>,
}

impl Progress for Told {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, bytes: u64) {
        *self.bytes.borrow_mut() += bytes;
    }
    fn finish(&self) {}
    fn note(&self, message: &str) {
        self.notes.borrow_mut().push(message.to_owned());
    }
}
