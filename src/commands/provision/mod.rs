//! From what a user calls an image to an image in the store.

mod debian;
mod progress;
mod tarball;

use std::path::Path;

use crate::cli::Source;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image};
use crate::source::debian::Suite;
use crate::source::http::{Client, Proxies};
use crate::source::tarball::Location;
use crate::store::blobs::Blobs;
use crate::store::{ImageLease, Lease};

/// What kind of image a user means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Debian(Suite),
    Tarball(Location),
}

impl Wanted {
    fn parse(text: &str) -> Result<Self> {
        let (recipe, version) = text.split_once(':').unwrap_or((text, ""));
        if recipe == "debian" {
            return Ok(Self::Debian(Suite::parse(version)?));
        }
        let location = Location::parse(text);
        match &location {
            Location::Path(path) if !path.exists() && !text.contains('/') && !is_archive_name(path) => {
                Err(Error::new(format!("there is no box, no recipe and no file named `{text}`"))
                    .hint("recipes: debian, debian:12, debian:sid, …; or a tarball: a file or a URL"))
            }
            _ => Ok(Self::Tarball(location)),
        }
    }
}

fn is_archive_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".tar"))
}

/// An image, which stays in the store while what is returned is held; it is fetched and unpacked if the store does not
/// have it.
///
/// # Errors
/// Whatever keeps it from being made. The store is then as it was.
pub(super) fn image(context: &Context<'_>, text: &str, sha256: Option<Digest>, source: &Source) -> Result<ImageLease> {
    match Wanted::parse(text)? {
        Wanted::Debian(_) if sha256.is_some() => {
            Err(Error::new("a sha256 belongs to a tarball; Debian's packages have their own, which are signed"))
        }
        Wanted::Debian(suite) => debian::image(context, &suite, source),
        Wanted::Tarball(location) => tarball::image(context, &location, sha256),
    }
}

/// An image that is to be put into the store, and the leases of its layers.
type Made = (Image, Vec<Lease>);

/// What the store has under a name, or what `make` makes of it, its layers leased. Of two who want it at once, one makes it.
fn known_or(context: &Context<'_>, name: &str, make: impl FnOnce() -> Result<Made>) -> Result<ImageLease> {
    if let Some(known) = context.store.resolve(name)? {
        return Ok(known);
    }
    let lock =
        context.store.lock_name(name, || context.ui.note("waiting for another envbox that is making this image"))?;
    if let Some(known) = context.store.resolve(name)? {
        return Ok(known);
    }
    let (image, layers) = make()?;
    Ok(context.store.commit_image(&lock, &image, &layers)?)
}

fn client(context: &Context<'_>) -> Client {
    Client::new(Proxies::from_vars(|name| context.host.var(name)?.to_str().map(str::to_owned)))
}

fn blobs(context: &Context<'_>) -> Blobs {
    Blobs::new(&context.host.dirs.cache)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_mean() {
        let debian = |name: &str| Wanted::Debian(Suite::parse(name).unwrap());
        assert_eq!(Wanted::parse("debian").unwrap(), debian("stable"));
        assert_eq!(Wanted::parse("debian:12").unwrap(), debian("bookworm"));
        for tarball in ["./x", "/x/y.tar.xz", "rootfs.tar.zst", "https://example.org/x"] {
            assert!(matches!(Wanted::parse(tarball), Ok(Wanted::Tarball(_))), "{tarball}");
        }
        for unknown in ["debain", "alpine"] {
            assert!(Wanted::parse(unknown).is_err(), "{unknown}");
        }
    }
}
