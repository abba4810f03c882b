//! What distributions publish, in their own shapes: real root file systems as they pack theirs.

use std::io::Write as _;
use std::process::Command;

use envbox::image::oci::Platform;

use crate::registry::layout::Layout;
use crate::registry::server::skopeo;
use crate::support::rootfs::Rootfs;

/// What is in the file that a recipe calls a tarball.
#[derive(Clone, Copy)]
enum Shape {
    /// The tree.
    Tree,
    /// The tree, in one directory.
    Within(&'static str),
    /// An OCI layout.
    Layout,
    /// What `docker save` writes.
    DockerArchive,
}

fn shape(name: &str) -> Shape {
    match name {
        "arch" => Shape::Within("root.x86_64"),
        "kali" => Shape::Within("kali-amd64"),
        "fedora" | "rocky" => Shape::Layout,
        "opensuse" => Shape::DockerArchive,
        _ => Shape::Tree,
    }
}

/// Who publishes sums as BSD's programs write them.
pub(super) fn has_bsd_sums(name: &str) -> bool {
    matches!(name, "chimera" | "fedora" | "rocky" | "void")
}

/// A tree that can be told from others by its os-release, with the files that the recipe changes.
pub(super) fn rootfs(name: &str, release: &str) -> Rootfs {
    let tree = match name {
        "alpine" | "chimera" | "wolfi" => Rootfs::alpine(),
        _ => Rootfs::busybox(),
    };
    let tree = tree.file("etc/os-release", 0o644, release.as_bytes());
    if name != "arch" {
        return tree;
    }
    tree.file(
        "etc/pacman.d/mirrorlist",
        0o644,
        b"## Worldwide\n#Server = https://geo.mirror.pkgbuild.com/$repo/os/$arch\n",
    )
    .file("etc/pacman.conf", 0o644, b"[options]\n#DisableSandbox\n")
    .file("usr/bin/pacman-key", 0o755, b"#!/bin/sh\necho $(id -u) $* >>/etc/keys\n")
}

/// Files, and what is in them when the recipe's own changes have been made.
pub(super) fn finished(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "arch" => &[
            ("/etc/pacman.d/mirrorlist", "## Worldwide\nServer = https://geo.mirror.pkgbuild.com/$repo/os/$arch\n"),
            ("/etc/pacman.conf", "[options]\nDisableSandbox\n"),
            ("/etc/keys", "0 --init\n0 --populate\n"),
        ],
        _ => &[],
    }
}

/// A layout with an image of this tree, named `image`.
pub(super) fn layout(tree: Rootfs) -> Layout {
    let mut layout = Layout::new();
    let image = layout.image(&Platform::linux(std::env::consts::ARCH).architecture, &[tree.tar()]);
    layout.name(&image, "image");
    layout
}

/// The file that the distribution has this tree in.
pub(super) fn packed(name: &str, file: &str, tree: Rootfs) -> Vec<u8> {
    let archive = match shape(name) {
        Shape::Tree => tree.tar(),
        Shape::Within(top) => tree.tar_within(top),
        Shape::Layout => by_skopeo(&layout(tree), "oci-archive", "image"),
        Shape::DockerArchive => by_skopeo(&layout(tree), "docker-archive", "example.org/image:1"),
    };
    compressed(file, archive)
}

fn by_skopeo(layout: &Layout, format: &str, name: &str) -> Vec<u8> {
    let path = layout.path().join("archive.tar");
    let mut command: Command = skopeo(layout.path());
    command.args(["copy", "--quiet", &layout.source("image"), &format!("{format}:{}:{name}", path.display())]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    std::fs::read(path).unwrap()
}

/// As the file's name says.
pub(super) fn compressed(file: &str, bytes: Vec<u8>) -> Vec<u8> {
    match file.rsplit('.').next() {
        Some("gz") => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes).unwrap();
            encoder.finish().unwrap()
        }
        Some("xz") => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(&bytes).unwrap();
            encoder.finish().unwrap()
        }
        Some("zst") => zstd::encode_all(&*bytes, 1).unwrap(),
        _ => bytes,
    }
}
