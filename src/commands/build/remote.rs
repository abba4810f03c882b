//! Files behind URLs that become part of an image.

use std::fs::File;

use crate::cli;
use crate::commands::provision::{self, Shown};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Digest;
use crate::recipe::project::Copied;
use crate::source::tarball::{self, Location};

/// The digest of a file, as the recipe has it, or as it was when it was fetched last.
pub(super) fn known(context: &Context<'_>, copied: &Copied) -> Option<Digest> {
    let fetched = || provision::blobs(context).index(copied.from.as_str());
    copied.digest.or_else(|| String::from_utf8(fetched()?).ok()?.parse().ok())
}

/// The digest of a file, which is fetched if that is not known.
///
/// # Errors
/// As [`file`].
pub(super) fn digest(context: &Context<'_>, copied: &Copied, options: &cli::Source, anew: bool) -> Result<Digest> {
    match known(context, copied).filter(|_| !anew || copied.digest.is_some()) {
        Some(digest) => Ok(digest),
        None => fetch(context, copied, None, options)?.1.ok_or_else(|| Error::new("a download has no digest")),
    }
}

/// A file that has the digest that is known.
///
/// # Errors
/// Whatever keeps it from being fetched; that nothing vouches for it.
pub(super) fn file(context: &Context<'_>, copied: &Copied, options: &cli::Source) -> Result<File> {
    Ok(fetch(context, copied, known(context, copied), options)?.0)
}

fn fetch(
    context: &Context<'_>,
    copied: &Copied,
    known: Option<Digest>,
    options: &cli::Source,
) -> Result<(File, Option<Digest>)> {
    let (location, shown) = (Location::parse(copied.from.as_str()), Shown::on(context.ui));
    location.demand(copied.digest.as_ref(), options.allow_unverified, &shown)?;
    let (client, blobs) = (provision::client(context), provision::blobs(context));
    let fetched = tarball::fetch(&location, known, &client, &blobs, &shown)?;
    Ok((fetched.file, fetched.digest))
}
