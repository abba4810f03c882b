//! The directory that a fuzzer is locked into: its corpora are there, places to unpack into, and something to be left alone.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use envbox::sys::tree;
use envbox::unpack::Root;
use envbox::unpack::index::Index;

/// What stands for the rest of the machine.
const OUTSIDE: &str = "outside";

/// The working directory, which is the root directory now.
pub struct Sandbox {
    #[allow(dead_code, reason = "not every target unpacks")]
    pub root: Root,
    names: Vec<OsString>,
    outside: Index,
}

static SANDBOX: OnceLock<Sandbox> = OnceLock::new();

impl Sandbox {
    /// Locks the process in. fuzz/run has given it namespaces of its own.
    pub fn enter() {
        fs::create_dir_all(Path::new(OUTSIDE).join("dir")).unwrap();
        fs::write(Path::new(OUTSIDE).join("canary"), "untouched").unwrap();
        let root = Root::confine(Path::new(".")).unwrap();
        let sandbox = Self { root, names: names(), outside: outside() };
        assert!(SANDBOX.set(sandbox).is_ok());
    }

    pub fn get() -> &'static Self {
        SANDBOX.get().unwrap()
    }

    /// Nothing is there that was not, and nothing has changed.
    pub fn check(&self) {
        assert_eq!(names(), self.names);
        assert!(outside() == self.outside, "something outside has changed");
    }
}

/// An empty directory in the sandbox, for as long as it is looked at.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new(name: &str) -> Self {
        fs::create_dir(name).unwrap();
        Self(name.into())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        tree::remove(File::open("/").unwrap().as_fd(), self.0.as_os_str()).unwrap();
    }
}

fn names() -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir("/").unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn outside() -> Index {
    Index::scan(File::open(OUTSIDE).unwrap()).unwrap()
}
