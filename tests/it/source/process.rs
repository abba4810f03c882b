//! What needs a process of its own: these tests run this very program again, with one test.

use std::path::Path;
use std::process::Command;

use envbox::source::tarball::{Location, fetch};
use envbox::source::{Error, Silent};
use envbox::store::blobs::Blobs;

use super::server::{Answer, Server};
use super::{client, held};

const SMALL_DISK: &str = "/mnt";

/// Runs one ignored test of this program, behind `wrapper` if there is one. It must run, and pass.
fn run_alone(wrapper: &[&str], test: &str) {
    let this = std::env::current_exe().unwrap();
    let mut words = wrapper.iter().map(std::ffi::OsString::from).chain([this.into()]);
    let mut command = Command::new(words.next().unwrap());
    let output = command.args(words).args(["--ignored", "--exact", test]).output().unwrap();
    let passed = String::from_utf8_lossy(&output.stdout).contains("1 passed; 0 failed");
    assert!(output.status.success() && passed, "{output:?}");
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn no_thread_is_left() {
    run_alone(&[], "source::process::inner_threads");
}

#[test]
#[ignore = "run by no_thread_is_left, alone in its process"]
fn inner_threads() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::new(dir.path());
    // The test harness has a thread of its own. A name, so that the resolver is in it too; and TLS.
    let before = threads();
    for url in ["http://localhost:1/x", "https://localhost:1/x", "http://no-such-host.invalid/x"] {
        fetch(&Location::parse(url), None, &client(), &blobs, &Silent).unwrap_err();
        assert_eq!(threads(), before, "{url}");
    }
}

#[test]
fn a_full_disk_leaves_nothing() {
    let mount = format!("mount -t tmpfs -o size=200k,mode=0777 tmpfs {SMALL_DISK} && exec \"$0\" \"$@\"");
    let wrapper = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &mount];
    if !Command::new(wrapper[0]).args(&wrapper[1..4]).arg("true").status().is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no user namespace can be made here");
    }
    run_alone(&wrapper, "source::process::inner_full_disk");
}

#[test]
#[ignore = "run by a_full_disk_leaves_nothing, on a disk of 200 kB"]
fn inner_full_disk() {
    let server = Server::start(|_| Answer::File(vec![7; 1_000_000]));
    let dir = Path::new(SMALL_DISK);
    let error = fetch(&Location::Url(server.url("/x")), None, &client(), &Blobs::new(dir), &Silent).unwrap_err();
    assert!(matches!(error, Error::Cache { .. }), "{error:?}");
    assert_eq!(
        error.hint().as_deref(),
        Some("make room on that disk: `envbox gc --keep-downloads 0` removes downloads")
    );
    assert_eq!(held(dir), (0, 0));
    assert_eq!(server.count("/x"), 1);
}
