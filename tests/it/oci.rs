//! Boxes of images in the OCI format: layouts, bundles, layers in any number.

mod bad;
pub(crate) mod bundles;
mod pulled;
mod pushed;
mod stacks;

use envbox::image::oci::{Descriptor, Platform};
use tar::{Builder, EntryType, Header};

use crate::registry::layout::Layout;
use crate::support::TestEnvironment;
use crate::support::rootfs::Rootfs;

/// A layer, member by member.
struct Layer(Builder<Vec<u8>>);

impl Layer {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn add(mut self, kind: EntryType, path: &str, mode: u32, content: &str) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(1_000_000_000);
        if kind == EntryType::Link {
            self.0.append_link(&mut header, path, content).unwrap();
        } else {
            header.set_size(content.len().try_into().unwrap());
            self.0.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        self
    }

    fn dir(self, path: &str, mode: u32) -> Self {
        self.add(EntryType::Directory, path, mode, "")
    }

    fn file(self, path: &str, content: &str) -> Self {
        self.add(EntryType::Regular, path, 0o644, content)
    }

    fn link(self, path: &str, target: &str) -> Self {
        self.add(EntryType::Link, path, 0o644, target)
    }

    fn tar(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// What this machine's architecture is called in images.
pub(crate) fn architecture() -> String {
    Platform::linux(std::env::consts::ARCH).architecture
}

/// A layout with an image of BusyBox and these layers on top of it, named `image`.
fn layout(layers: impl IntoIterator<Item = Vec<u8>>) -> Layout {
    let mut layout = Layout::new();
    let image = image(&layout, layers);
    layout.name(&image, "image");
    layout
}

fn image(layout: &Layout, layers: impl IntoIterator<Item = Vec<u8>>) -> Descriptor {
    let layers: Vec<Vec<u8>> = std::iter::once(Rootfs::busybox().tar()).chain(layers).collect();
    layout.image(&architecture(), &layers)
}

/// The standard output of a script in a box that is thrown away.
#[track_caller]
fn output(env: &TestEnvironment, image: &str, script: &str) -> String {
    env.envbox(["run", "--rm", image, "--", "sh", "-c", script]).succeeds().stdout
}

/// How many layers the store has.
fn layers(env: &TestEnvironment) -> usize {
    std::fs::read_dir(env.path("data/envbox/layers/sha256")).map_or(0, Iterator::count)
}
