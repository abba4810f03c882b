//! An image from a tarball.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::progress::Shown;
use super::{blobs, client, known_or, tree};
use crate::cli::Source;
use crate::commands::{identity, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image, Provenance};
use crate::source::distro::Form;
use crate::source::tarball::{self, Fetched, Location};

pub(super) fn image(context: &Context<'_>, location: &Location, options: &Source) -> Result<Digest> {
    known_or(context, &name(location, options.digest)?, || make(context, location, options))
}

fn make(context: &Context<'_>, location: &Location, options: &Source) -> Result<Image> {
    let shown = Shown::on(context.ui);
    location.demand(options.digest.as_ref(), options.allow_unverified, &shown)?;
    let identity = identity::of(context)?;
    let janitor = sweep::afterwards(context, &identity)?;
    let fetched = tarball::fetch(location, options.digest, &client(context), &blobs(context), &shown)?;
    let Fetched { file, digest, origin, trust } = fetched;
    let layer = match digest.filter(|digest| context.store.has_layer(digest)) {
        Some(layer) => layer,
        None => {
            let staging = context.store.stage()?;
            let tree = staging.layer()?;
            let report = tree::unpack(context, &identity, &tree, file, Form::Tarball { strip: None }, &[])?;
            context.store.commit_layer(&staging, &report.digest, &report)?;
            report.digest
        }
    };
    drop(janitor);
    let title = Path::new(&origin).file_name().map_or(origin.clone(), |name| name.to_string_lossy().into_owned());
    let provenance = Provenance { origin, trust: trust.to_string(), title };
    Ok(Image::new(vec![layer], provenance))
}

/// What the image is known by: a local file by its place, size and time, so that it is not read again while it is the
/// same; anything else by its address; and by the digest that was asked for.
fn name(location: &Location, sha256: Option<Digest>) -> Result<String> {
    let pin = sha256.map(|digest| format!(" {digest}")).unwrap_or_default();
    match location {
        Location::Url(url) => Ok(format!("{url}{pin}")),
        Location::Path(path) => {
            let shown = path.display();
            let found = fs::canonicalize(path).and_then(|real| Ok((real.metadata()?, real)));
            let (found, real) = found.map_err(|error| Error::new(format!("cannot read {shown}: {error}")))?;
            let (size, seconds, nanoseconds, inode) = (found.size(), found.mtime(), found.mtime_nsec(), found.ino());
            Ok(format!("{} {inode} {size} {seconds}.{nanoseconds:09}{pin}", real.display()))
        }
    }
}
