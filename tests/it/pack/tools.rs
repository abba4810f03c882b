//! The programs that read what envbox writes.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::described::{Tree, described};
use super::trees::GNU_TAR;
use crate::support::TestEnvironment;

impl TestEnvironment {
    /// Runs a program of others and expects success. The result is its standard output.
    #[track_caller]
    pub(crate) fn tool(&self, words: &[&str]) -> Vec<u8> {
        let output = finished(self.command(words[0]).args(&words[1..]));
        assert!(output.0, "{words:?}: {}", String::from_utf8_lossy(&output.2));
        output.1
    }

    /// The images in the store, by digest.
    pub(crate) fn images(&self) -> Vec<String> {
        let dir = std::fs::read_dir(self.path("data/envbox/images/sha256")).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        dir.map(|entry| format!("sha256:{}", name(entry).strip_suffix(".json").unwrap())).collect()
    }

    /// The tree of a layer in the store.
    pub(crate) fn layer(&self, hex: &str) -> PathBuf {
        self.path(&format!("data/envbox/layers/sha256/{hex}/fs"))
    }
}

fn finished(command: &mut Command) -> (bool, Vec<u8>, Vec<u8>) {
    let output = command.output().unwrap();
    (output.status.success(), output.stdout, output.stderr)
}

/// A podman with a storage of its own.
pub(crate) struct Podman<'a> {
    env: &'a TestEnvironment,
    /// Its run-time directory, whose path may have no more than 50 characters.
    run: TempDir,
}

impl<'a> Podman<'a> {
    pub(crate) fn new(env: &'a TestEnvironment) -> Self {
        Self { env, run: TempDir::new_in("/tmp").unwrap() }
    }

    fn words(&self) -> [String; 4] {
        let root = format!("--root={}", self.env.path("podman").display());
        let run = format!("--runroot={}", self.run.path().display());
        ["podman".into(), "--storage-driver=vfs".into(), root, run]
    }

    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let own = self.words();
        let all: Vec<&str> = own.iter().map(String::as_str).chain(words.iter().copied()).collect();
        String::from_utf8(self.env.tool(&all)).unwrap()
    }

    /// What a command in a container of an image prints.
    #[track_caller]
    pub(crate) fn container(&self, image: &str, command: &[&str]) -> String {
        // crun, its first choice, does not work where the host has version 1 and 2 of cgroups.
        let own = ["--runtime=runc", "--cgroup-manager=cgroupfs", "run", "--rm", "--network=host", image];
        self.run(&[&own[..], command].concat())
    }

    /// What GNU tar says of an image's tree, where it is mounted.
    #[track_caller]
    pub(crate) fn seen_by_gnu_tar(&self, image: &str) -> Tree {
        let out = self.env.path("podman.tar");
        let podman = self.words().join(" ");
        let script = format!("dir=$({podman} image mount {image}) && {GNU_TAR} -C $dir -cf {} .", out.display());
        // Only inside its own namespace can an ordinary user's podman mount anything.
        if rustix::process::geteuid().is_root() {
            self.env.tool(&["sh", "-c", &script]);
        } else {
            self.run(&["unshare", "sh", "-c", &script]);
        }
        described(std::fs::File::open(out).unwrap())
    }
}

impl Drop for Podman<'_> {
    /// An ordinary user's podman leaves a process behind, which this ends.
    fn drop(&mut self) {
        if !rustix::process::geteuid().is_root() && !std::thread::panicking() {
            self.run(&["system", "migrate"]);
        }
    }
}

/// What GNU tar says of a tree, as this user sees it.
#[track_caller]
pub(crate) fn seen_here(env: &TestEnvironment, tree: &Path) -> Tree {
    let out = env.path("here.tar");
    env.tool(&["sh", "-c", &format!("{GNU_TAR} -C {} -cf {} .", tree.display(), out.display())]);
    described(std::fs::File::open(out).unwrap())
}
