//! From what a user calls an image to an image in the store.

mod bundle;
mod debian;
mod distro;
mod finish;
mod layout;
mod load;
mod locked;
mod mirrored;
mod oci;
mod progress;
mod registry;
mod tarball;
mod tree;
mod unpacker;
mod wanted;

use super::recipes;
use crate::cli::Source;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Image, Provenance, Reference};
use crate::source::Trust;
use crate::source::http::{Client, Proxies};
use crate::store::blobs::Blobs;
use crate::store::{ImageLease, Lease};
pub(super) use load::load;
pub(super) use locked::{Fresh, debs, digest_of, fresh, known_locked, locked};
pub(super) use mirrored::mirrored;
pub(super) use progress::Shown;
pub(super) use registry::registries;
use wanted::Wanted;

/// Whether what the store knows by a name will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It will.
    Will,
    /// What the name means now is wanted.
    WillNot,
    /// Nothing else will: nobody is asked, and nothing made.
    Must,
}

/// The store does not have what it must.
#[derive(Debug, thiserror::Error)]
#[error("the image is not in the store")]
struct NotKnown;

/// How an image is to be had.
#[derive(Debug, Clone, Copy)]
struct How<'a> {
    /// What the user has said of it.
    options: &'a Source,
    known: Known,
}

/// An image, which stays in the store while what is returned is held; it is fetched and unpacked if the store does not
/// have it.
///
/// # Errors
/// Whatever keeps it from being made. The store is then as it was.
pub(super) fn image(context: &Context<'_>, text: &str, options: &Source) -> Result<ImageLease> {
    find(context, text, How { options, known: Known::Will })
}

/// An image, if the store has it; nothing is locked, fetched or made.
///
/// # Errors
/// The store's, or what is wrong with the name.
pub(super) fn known(context: &Context<'_>, text: &str, options: &Source) -> Result<Option<ImageLease>> {
    match find(context, text, How { options, known: Known::Must }) {
        Err(error) if error.of::<NotKnown>().is_some() => Ok(None),
        found => found.map(Some),
    }
}

/// An image as it is now at where it comes from.
///
/// # Errors
/// As [`image`].
pub(super) fn pull(context: &Context<'_>, text: &str, options: &Source) -> Result<ImageLease> {
    find(context, text, How { options, known: Known::WillNot })
}

/// An image that the store has under a name that is no recipe's: as references are, or by its digest or the beginning of it.
///
/// # Errors
/// The store's.
pub(super) fn in_store(context: &Context<'_>, text: &str) -> Result<Option<ImageLease>> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() >= FEWEST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let mut found = context.store.images()?.into_iter().filter(|image| image.hex().starts_with(digits));
        if let (Some(image), None) = (found.next(), found.next()) {
            return Ok(context.store.lease_image(&image)?);
        }
    }
    match text.parse::<Reference>() {
        Ok(reference) => Ok(context.store.resolve(&reference.to_string())?),
        Err(_) => Ok(None),
    }
}

/// Digits of a digest that are taken for one: as many as are shown.
const FEWEST_DIGITS: usize = 12;

fn find(context: &Context<'_>, text: &str, how: How<'_>) -> Result<ImageLease> {
    if how.options.allow_unverified && how.known != Known::Must {
        context.ui.warning("--allow-unverified: what nothing vouches for is taken all the same");
    }
    let recipes = recipes::catalogue(context.host, context.ui);
    if how.known != Known::WillNot
        && how.options.digest.is_none()
        && recipes.find(text).is_err()
        && let Some(found) = in_store(context, text)?
    {
        return Ok(found);
    }
    match Wanted::parse(text, &recipes)? {
        Wanted::Distro(found) => distro::image(context, &found, how),
        Wanted::Short(name, reference) => {
            let alias = registries(context, how.options.plain_http).alias(name)?.transpose().map_err(Error::new)?;
            registry::image(context, alias.as_ref().unwrap_or(&reference), how)
        }
        Wanted::Registry(reference) => registry::image(context, &reference, how),
        Wanted::Layout { dir, which } => layout::image(context, &dir, &which, how),
        Wanted::Archive { location, form, which } => tarball::image(context, &location, form, &which, how),
    }
}

/// An image that is to be put into the store, and the leases of its layers.
type Made = (Image, Vec<Lease>);

/// What the store has under a name, or what `make` makes of it, its layers leased. Of two who want it at once, one makes it.
fn known_or(
    context: &Context<'_>,
    name: &str,
    known: Known,
    make: impl FnOnce() -> Result<Made>,
) -> Result<ImageLease> {
    let find = || match known {
        Known::Will | Known::Must => context.store.resolve(name),
        Known::WillNot => Ok(None),
    };
    if let Some(found) = find()? {
        return Ok(found);
    }
    if known == Known::Must {
        return Err(Error::new(NotKnown));
    }
    let lock =
        context.store.lock_name(name, || context.ui.note("waiting for another envbox that is making this image"))?;
    if let Some(found) = find()? {
        return Ok(found);
    }
    let (image, layers) = make()?;
    tell(context, &image);
    Ok(context.store.commit_image(&lock, &image, &layers)?)
}

/// Says what vouches for an image that has just been fetched. Of a file that was here, nothing but the user.
fn tell(context: &Context<'_>, image: &Image) {
    let Provenance { trust, origin, .. } = &image.provenance;
    if *trust != Trust::None.to_string() {
        context.ui.note(&format!("verified: {trust}"));
    } else if origin.starts_with(registry::SCHEME) {
        context.ui.warning(&format!("nothing vouches for {origin}: it came over plain http"));
    }
}

pub(super) fn client(context: &Context<'_>) -> Client {
    Client::new(Proxies::from_vars(|name| context.host.var(name)?.to_str().map(str::to_owned)))
}

pub(super) fn blobs(context: &Context<'_>) -> Blobs {
    Blobs::new(&context.host.dirs.cache)
}
