//! Downloads that are killed, and those of two processes at once.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use envbox::image::Digest;
use envbox::source::Silent;
use envbox::source::oci::Event;
use envbox::store::blobs::Blobs;

use super::layout::{Layout, layer};
use super::server::Registry;
use super::{cache, platform, pull, registries};
use crate::support::requires;

const LAYERS: usize = 4;
const SIZE: usize = 3_000_000;

fn registry() -> Registry {
    let mut layout = Layout::new();
    let contents: Vec<_> = (0..LAYERS).map(|n| layer(&format!("file-{n}"), SIZE)).collect();
    let image = layout.image("amd64", &contents);
    layout.name(&image, "x");
    let registry = Registry::open();
    registry.fill(&layout.source("x"), "x");
    registry
}

/// Runs this program again, to pull into this cache and to kill itself as soon as so many bytes have come.
fn start(registry: &Registry, cache: &Path, kill_after: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "registry::interrupted::inner_pull"]);
    command.env("REFERENCE", registry.reference("x").to_string()).env("CACHE", cache);
    command.env("KILL_AFTER", kill_after.to_string()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
#[ignore = "run by the other tests here, to be killed"]
fn inner_pull() {
    let reference = std::env::var("REFERENCE").unwrap().parse().unwrap();
    let blobs = Blobs::new(Path::new(&std::env::var_os("CACHE").unwrap()));
    let limit: u64 = std::env::var("KILL_AFTER").unwrap().parse().unwrap();
    let repository = registries().open(&reference).unwrap();
    let image = repository.resolve(&platform(), &blobs, &Silent).unwrap();
    let mut sizes = vec![0; image.manifest.layers.len()];
    let mut on = |event| {
        if let Event::Grew { index, size } = event {
            sizes[index] = size;
        }
        if sizes.iter().sum::<u64>() > limit {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
        Ok(())
    };
    repository.download(&image, &image.manifest.layers, &blobs, &Silent, &mut on).unwrap();
}

/// How many bytes of layers there are in a cache, finished or not.
fn received(cache: &Path, layers: &[Digest]) -> u64 {
    let size = |dir: &str, digest: &Digest| cache.join(dir).join(digest.hex()).metadata().map(|found| found.len());
    layers
        .iter()
        .map(|digest| size("blobs/sha256", digest).or_else(|_| size("blobs/staging", digest)).unwrap_or(0))
        .sum()
}

#[test]
fn a_killed_download_fetches_only_what_is_missing() {
    requires!(docker_registry, skopeo);
    let mut registry = registry();
    let (_whole, blobs) = cache();
    let (image, _) = pull(&registries(), &registry.reference("x"), &blobs).unwrap();
    let digests: Vec<Digest> = image.manifest.layers.iter().map(|layer| layer.digest).collect();
    let total: u64 = image.manifest.layers.iter().map(|layer| layer.size).sum();

    let dir = tempfile::tempdir().unwrap();
    let mut kept = 0;
    for kill_after in [0, 100_000, 5_000_000, total - 1] {
        let status = start(&registry, dir.path(), kill_after).wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{kill_after}");
        let now = received(dir.path(), &digests);
        assert!(now >= kept && now > kill_after, "{now} after {kill_after}");
        kept = now;
    }
    registry.log();
    let blobs = Blobs::new(dir.path());
    let (_, layers) = pull(&registries(), &registry.reference("x"), &blobs).unwrap();
    assert!(layers.iter().zip(&digests).all(|(layer, digest)| Digest::of(layer) == *digest));
    let log = registry.log();
    let layers_asked =
        log.iter().filter(|entry| digests.iter().any(|digest| entry.asked.contains(&digest.to_string())));
    let sent: u64 = layers_asked.map(|entry| entry.sent).sum();
    assert_eq!(sent, total - kept, "{log:#?}");
    assert!(log.iter().all(|entry| !entry.asked.contains(&image.manifest.config.digest.to_string())));
}

#[test]
fn a_part_that_was_damaged_is_found_out() {
    requires!(docker_registry, skopeo);
    let registry = registry();
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(start(&registry, dir.path(), 4_000_000).wait().unwrap().signal(), Some(9));
    let staging = dir.path().join("blobs/staging");
    let mut damaged = 0;
    for entry in std::fs::read_dir(&staging).unwrap().map(Result::unwrap) {
        let mut content = std::fs::read(entry.path()).unwrap();
        if let Some(byte) = content.first_mut() {
            *byte ^= 1;
            damaged += 1;
        }
        std::fs::write(entry.path(), content).unwrap();
    }
    assert!(damaged > 0);
    let (image, layers) = pull(&registries(), &registry.reference("x"), &Blobs::new(dir.path())).unwrap();
    assert!(layers.iter().zip(&image.manifest.layers).all(|(layer, entry)| Digest::of(layer) == entry.digest));
}

#[test]
fn two_processes_fetch_each_layer_once() {
    requires!(docker_registry, skopeo);
    let mut registry = registry();
    registry.log();
    let dir = tempfile::tempdir().unwrap();
    let mut both = [u64::MAX, u64::MAX].map(|never| start(&registry, dir.path(), never));
    assert!(both.iter_mut().all(|child| child.wait().unwrap().success()));
    let (image, _) = pull(&registries(), &registry.reference("x"), &Blobs::new(dir.path())).unwrap();
    let log = registry.log();
    for layer in &image.manifest.layers {
        let asked = log.iter().filter(|entry| entry.asked.contains(&layer.digest.to_string())).count();
        assert_eq!(asked, 1, "{log:#?}");
    }
    assert_eq!(std::fs::read_dir(dir.path().join("blobs/staging")).unwrap().count(), 0);
}
