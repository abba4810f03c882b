//! From what a user calls an image to an image in the store.

mod bundle;
mod debian;
mod layout;
mod load;
mod oci;
mod progress;
mod registry;
mod tarball;
mod unpacker;
mod wanted;

use crate::cli::Source;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image};
use crate::source::http::{Client, Proxies};
use crate::store::blobs::Blobs;
pub(super) use load::load;
use wanted::Wanted;

/// Whether what the store knows by a name will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It will.
    Will,
    /// What the name means now is wanted.
    WillNot,
}

/// The digest of an image; it is fetched and unpacked if the store does not have it. `pin` is the digest that the tarball,
/// or the image's manifest, must have.
///
/// # Errors
/// Whatever keeps it from being made. The store is then as it was.
pub(super) fn image(context: &Context<'_>, text: &str, pin: Option<Digest>, source: &Source) -> Result<Digest> {
    find(context, text, pin, source, Known::Will)
}

/// The digest of an image as it is now at where it comes from.
///
/// # Errors
/// As [`image`].
pub(super) fn pull(context: &Context<'_>, text: &str, pin: Option<Digest>, source: &Source) -> Result<Digest> {
    find(context, text, pin, source, Known::WillNot)
}

fn find(context: &Context<'_>, text: &str, pin: Option<Digest>, source: &Source, known: Known) -> Result<Digest> {
    match Wanted::parse(text)? {
        Wanted::Debian(_) if pin.is_some() => Err(Error::new(
            "a digest belongs to a file or an image; Debian's packages have their own, which are signed",
        )),
        Wanted::Debian(suite) => debian::image(context, &suite, source, known),
        Wanted::Registry(reference) => registry::image(context, &reference, pin, source, known),
        Wanted::Layout { dir, which } => layout::image(context, &dir, &which, pin, known),
        Wanted::Archive { location, form, which } => tarball::image(context, &location, form, &which, pin, known),
    }
}

/// What the store has under a name, or what `make` makes of it. Of two who want it at once, one makes it.
fn known_or(context: &Context<'_>, name: &str, known: Known, make: impl FnOnce() -> Result<Image>) -> Result<Digest> {
    let find = || -> Result<Option<Digest>> {
        let found = context.store.resolve(name)?.map(|(digest, _)| digest);
        Ok(found.filter(|_| known == Known::Will))
    };
    if let Some(digest) = find()? {
        return Ok(digest);
    }
    let _lock =
        context.store.lock_name(name, || context.ui.note("waiting for another envbox that is making this image"))?;
    if let Some(digest) = find()? {
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
