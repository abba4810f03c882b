//! A place to unpack into, and the program that does it.
//!
//! A user namespace is made by a process of one thread, and tests run in threads of theirs. So the work is done by a
//! program of its own, the example `in_userns`, which `cargo test` builds with the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use envbox::unpack::{Options, Report};
use serde::de::DeserializeOwned;

use super::work::{Answer, Work, list};

/// A directory to unpack into, with things beside it that nothing may touch.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    beside: BTreeMap<String, String>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["root", "outside", "outside/dir"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("outside/canary"), "untouched").unwrap();
        let beside = list(&dir.path().join("outside"));
        Self { dir, beside }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// The directory beside the root, as an archive would have to name it.
    pub(super) fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }

    pub(super) fn tar(&self, archive: &[u8], options: &Options) -> Result<Report, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), archive).unwrap();
        let report = self.work(&Work::Tar { archive: file.path().to_owned(), options: options.clone() });
        self.check();
        report
    }

    pub(super) fn list(&self) -> BTreeMap<String, String> {
        self.work(&Work::List).unwrap()
    }

    /// Does the work as root of a user namespace.
    pub(crate) fn work<T: DeserializeOwned>(&self, work: &Work) -> Result<T, String> {
        work_at(&self.root(), work)
    }

    /// Nothing beside the root has changed, and nothing is there that was not.
    pub(super) fn check(&self) {
        assert_eq!(list(&self.outside()), self.beside);
        let mut names: Vec<_> = fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["outside", "root"]);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What belongs to subordinate ids is theirs to delete.
        if !std::thread::panicking() {
            self.work::<()>(&Work::Remove).unwrap();
        }
    }
}

/// Does work on a directory as root of a user namespace.
pub(crate) fn work_at<T: DeserializeOwned>(target: &Path, work: &Work) -> Result<T, String> {
    let order = serde_json::to_string(&(target, work)).unwrap();
    let output = Command::new(program()).arg(order).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    answer.map(|value| serde_json::from_value(value).unwrap())
}

/// The example beside this test: `target/…/examples/in_userns` beside `target/…/deps/it-…`.
fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("examples/in_userns");
    assert!(program.exists(), "`cargo build --example in_userns` first: {} is missing", program.display());
    program
}
