//! From what a user calls an image to an image in the store.

mod debian;
mod distro;
mod progress;
mod tarball;
mod tree;

use std::path::Path;

use crate::cli::Source;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image};
use crate::recipe::{Catalogue, Match, NoMatch};
use crate::source::http::{Client, Proxies};
use crate::source::tarball::Location;
use crate::store::blobs::Blobs;

/// What kind of image a user means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted<'a> {
    Distro(Match<'a>),
    Tarball(Location),
}

impl<'a> Wanted<'a> {
    fn parse(text: &str, recipes: &'a Catalogue) -> Result<Self> {
        match recipes.find(text) {
            Ok(found) => return Ok(Self::Distro(found)),
            Err(NoMatch::Recipe { .. }) => {}
            Err(error) => return Err(Error::new(error)),
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

/// The digest of an image; it is fetched and unpacked if the store does not have it.
///
/// # Errors
/// Whatever keeps it from being made. The store is then as it was.
pub(super) fn image(context: &Context<'_>, text: &str, source: &Source) -> Result<Digest> {
    match Wanted::parse(text, &distro::catalogue(context)?)? {
        Wanted::Distro(found) => distro::image(context, &found, source),
        Wanted::Tarball(location) => tarball::image(context, &location, source),
    }
}

/// What the store has under a name, or what `make` makes of it. Of two who want it at once, one makes it.
fn known_or(context: &Context<'_>, name: &str, make: impl FnOnce() -> Result<Image>) -> Result<Digest> {
    let known = || -> Result<Option<Digest>> { Ok(context.store.resolve(name)?.map(|(digest, _)| digest)) };
    if let Some(digest) = known()? {
        return Ok(digest);
    }
    let _lock =
        context.store.lock_name(name, || context.ui.note("waiting for another envbox that is making this image"))?;
    if let Some(digest) = known()? {
        return Ok(digest);
    }
    Ok(context.store.commit_image(name, &make()?)?)
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
        let recipes = Catalogue::new([]);
        for (text, name) in [("debian", "debian:stable"), ("debian:bookworm", "debian:12"), ("noble", "ubuntu:24.04")] {
            let Ok(Wanted::Distro(found)) = Wanted::parse(text, &recipes) else { panic!("{text}") };
            assert_eq!(found.name(), name);
        }
        for tarball in ["./x", "/x/y.tar.xz", "rootfs.tar.zst", "https://example.org/x"] {
            assert!(matches!(Wanted::parse(tarball, &recipes), Ok(Wanted::Tarball(_))), "{tarball}");
        }
        for unknown in ["debain", "debian:99"] {
            assert!(Wanted::parse(unknown, &recipes).is_err(), "{unknown}");
        }
    }
}
