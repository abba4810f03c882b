//! Removing and measuring trees.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use envbox::sys::{fs as sys_fs, tree};

use super::harness::Place;
use super::work::Work;

#[test]
fn a_tree_goes_and_what_it_links_to_stays() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("tree/a/b")).unwrap();
    fs::create_dir(at("kept")).unwrap();
    fs::write(at("kept/file"), "x").unwrap();
    fs::write(at("tree/a/f"), "x").unwrap();
    symlink(at("kept"), at("tree/a/b/link")).unwrap();
    symlink(at("kept"), at("link")).unwrap();
    // Nothing may be done in them, even by their owner, unless it is root.
    fs::set_permissions(at("tree/a/b"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(at("tree/a"), fs::Permissions::from_mode(0o100)).unwrap();
    let parent = File::open(dir.path()).unwrap();
    tree::remove(parent.as_fd(), OsStr::new("tree")).unwrap();
    tree::remove(parent.as_fd(), OsStr::new("link")).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(at("kept/file")).unwrap(), "x");
    let error = tree::remove(parent.as_fd(), OsStr::new("tree")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn depth_costs_neither_stack_nor_descriptors() {
    // On a disk, so many directories take a minute.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let parent = File::open(dir.path()).unwrap();
    let mut here = parent.try_clone().unwrap();
    for _ in 0..20_000 {
        sys_fs::make_dir(&here, OsStr::new("d"), 0o755).unwrap();
        here = sys_fs::open_child(&here, OsStr::new("d")).unwrap().into();
    }
    drop(here);
    assert_eq!(tree::usage(parent.as_fd(), OsStr::new("d")).unwrap().inodes, 20_000);
    tree::remove(parent.as_fd(), OsStr::new("d")).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn names_of_one_file_count_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("t/sub")).unwrap();
    fs::write(dir.path().join("t/f"), vec![1; 100_000]).unwrap();
    fs::hard_link(dir.path().join("t/f"), dir.path().join("t/sub/g")).unwrap();
    File::create(dir.path().join("t/sparse")).unwrap().set_len(1 << 30).unwrap();
    let usage = tree::usage(File::open(dir.path()).unwrap().as_fd(), OsStr::new("t")).unwrap();
    let dirs: u64 = ["t", "t/sub"].iter().map(|name| dir.path().join(name).metadata().unwrap().len()).sum();
    let blocks: u64 = ["t", "t/sub", "t/f", "t/sparse"]
        .iter()
        .map(|name| dir.path().join(name).metadata().unwrap().blocks() * 512)
        .sum();
    assert_eq!((usage.inodes, usage.apparent, usage.allocated), (4, dirs + 100_000 + (1 << 30), blocks));
}

#[test]
fn a_mount_beneath_is_left_alone() {
    let place = Place::new();
    let (error, usage, there): (String, String, bool) = place.work(&Work::RemoveMounted).unwrap();
    // EXDEV, and EXDEV again.
    assert!(
        error.to_lowercase().contains("cross-device") && usage.to_lowercase().contains("cross-device"),
        "{error}, {usage}"
    );
    assert!(there);
}
