//! Images at registries: real ones on the loopback, and one that misbehaves.

mod auth;
mod hostile;
mod interrupted;
mod keys;
pub(crate) mod layout;
mod pull;
mod push;
pub(crate) mod server;

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use envbox::image::Reference;
use envbox::image::oci::Platform;
use envbox::source::http::{Client, Limits};
use envbox::source::oci::{Event, Fault, Registries, Repository, Resolved, Settings};
use envbox::source::{Error, Progress, Silent};
use envbox::store::blobs::Blobs;
use tempfile::TempDir;

fn cache() -> (TempDir, Blobs) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::new(dir.path());
    (dir, blobs)
}

fn platform() -> Platform {
    Platform::linux("x86_64")
}

/// Quick to give up, and without any settings.
fn registries() -> Registries {
    with(Settings::default())
}

fn with(settings: Settings) -> Registries {
    let quick = Duration::from_millis(20);
    let limits = Limits { stall: Duration::from_secs(2), backoff: quick, ..Limits::default() };
    Registries::new(Client::default().with_limits(limits), settings)
}

/// Fetches all of an image, as far as that goes.
fn pull(registries: &Registries, reference: &Reference, blobs: &Blobs) -> Result<(Resolved, Vec<Vec<u8>>), Error> {
    let repository = registries.open(reference)?;
    let image = repository.resolve(&platform(), blobs, &Silent)?;
    let layers = download(&repository, &image, blobs, &Silent)?;
    Ok((image, layers))
}

/// Downloads all layers, reading each while it grows.
fn download(
    repository: &Repository,
    image: &Resolved,
    blobs: &Blobs,
    progress: &dyn Progress,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut files: Vec<Option<File>> = Vec::new();
    files.resize_with(image.manifest.layers.len(), || None);
    let mut contents: Vec<Vec<u8>> = vec![Vec::new(); files.len()];
    let mut done = 0;
    repository.download(image, &image.manifest.layers, blobs, progress, &mut |event| {
        match event {
            Event::Began { index, file } => {
                files[index] = Some(file);
                contents[index].clear();
            }
            Event::Grew { index, size } => {
                let (file, content) = (files[index].as_mut().unwrap(), &mut contents[index]);
                let more = size - u64::try_from(content.len()).unwrap();
                assert_eq!(file.take(more).read_to_end(content).unwrap(), usize::try_from(more).unwrap());
            }
            Event::Done { .. } => done += 1,
        }
        Ok(())
    })?;
    assert_eq!(done, contents.len());
    Ok(contents)
}

/// What a registry was found to do wrong.
fn fault<T: std::fmt::Debug>(result: Result<T, Error>) -> Fault {
    match result {
        Err(Error::Registry { source, .. }) => *source,
        other => panic!("{other:?}"),
    }
}
