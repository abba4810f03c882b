//! Root file systems to make boxes of: the fixtures, and BusyBox with changes.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, Builder, EntryType, Header};

use super::fixtures;

/// Alpine's tarball.
pub(crate) fn alpine() -> PathBuf {
    fixtures().join("alpine-minirootfs-3.20.3-x86_64.tar.gz")
}

/// CirrOS's tarball.
pub(crate) fn cirros() -> PathBuf {
    fixtures().join("cirros-0.5.2-x86_64.tar.xz")
}

/// BusyBox, statically linked, with whatever a test wants of it: small enough to be unpacked by every test.
pub(crate) struct Rootfs(Builder<Vec<u8>>);

impl Rootfs {
    /// BusyBox as it is.
    pub(crate) fn busybox() -> Self {
        Self::busybox_without(&[])
    }

    /// Alpine as it is.
    pub(crate) fn alpine() -> Self {
        Self::of(&alpine(), &[])
    }

    /// BusyBox without these paths and what is beneath them.
    pub(crate) fn busybox_without(dropped: &[&str]) -> Self {
        Self::of(&fixtures().join("busybox-musl-oci/rootfs.tar.gz"), dropped)
    }

    fn of(tarball: &Path, dropped: &[&str]) -> Self {
        let file = File::open(tarball).unwrap();
        let mut builder = Builder::new(Vec::new());
        for entry in Archive::new(GzDecoder::new(file)).entries().unwrap() {
            let entry = entry.unwrap();
            let path = entry.path().unwrap().into_owned();
            let path = path.strip_prefix(".").unwrap_or(&path);
            if !dropped.iter().any(|dropped| path.starts_with(dropped)) {
                let header = entry.header().clone();
                builder.append(&header, entry).unwrap();
            }
        }
        Self(builder)
    }

    /// Adds a file.
    pub(crate) fn file(mut self, path: &str, mode: u32, content: &[u8]) -> Self {
        self.add(EntryType::Regular, path, mode, content);
        self
    }

    /// Adds a directory.
    pub(crate) fn dir(mut self, path: &str) -> Self {
        self.add(EntryType::Directory, path, 0o755, &[]);
        self
    }

    /// Adds a FIFO.
    pub(crate) fn fifo(mut self, path: &str) -> Self {
        self.add(EntryType::Fifo, path, 0o666, &[]);
        self
    }

    /// Adds a symbolic link.
    pub(crate) fn link(mut self, path: &str, target: impl AsRef<Path>) -> Self {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        self.0.append_link(&mut header, path, target).unwrap();
        self
    }

    /// The tarball, all of it in a directory of this name.
    pub(crate) fn tar_within(self, top: &str) -> Vec<u8> {
        let tar = self.tar();
        let mut builder = Builder::new(Vec::new());
        for entry in Archive::new(&*tar).entries().unwrap() {
            let entry = entry.unwrap();
            let (mut header, path) = (entry.header().clone(), Path::new(top).join(entry.path().unwrap()));
            let target = entry.link_name().unwrap().map(Cow::into_owned);
            match (header.entry_type(), target) {
                (EntryType::Link, Some(file)) => builder.append_link(&mut header, path, Path::new(top).join(file)),
                (_, Some(target)) => builder.append_link(&mut header, path, target),
                (_, None) => builder.append_data(&mut header, path, entry),
            }
            .unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// The tarball.
    pub(crate) fn tar(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }

    fn add(&mut self, kind: EntryType, path: &str, mode: u32, content: &[u8]) {
        let mut header = header(kind, mode, content.len());
        self.0.append_data(&mut header, path, content).unwrap();
    }
}

fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size.try_into().unwrap());
    header
}
