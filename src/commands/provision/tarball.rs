//! An image from a tarball, or from a bundle if it turns out to be one.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::progress::Shown;
use super::wanted::Form;
use super::{How, Made, blobs, bundle, client, known_or, tree};
use crate::commands::{identity, layer, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image, LayerRecord, Provenance};
use crate::source::distro;
use crate::source::layout::Which;
use crate::source::tarball::{self, Fetched, Location};
use crate::store::ImageLease;

/// The image in an archive.
pub(super) fn image(
    context: &Context<'_>,
    location: &Location,
    form: Form,
    which: &Which,
    how: How<'_>,
) -> Result<ImageLease> {
    let pin = how.options.digest;
    known_or(context, &name(location, form, which, pin)?, how.known, || {
        let shown = Shown::on(context.ui);
        location.demand(pin.as_ref(), how.options.allow_unverified, &shown)?;
        let mut fetched = tarball::fetch(location, pin, &client(context), &blobs(context), &shown)?;
        if form != Form::Any || bundle::is_one(&mut fetched.file)? {
            let Fetched { file, origin, trust, .. } = fetched;
            return bundle::image(context, file, (origin, trust.to_string()), form, which, how.options.no_share);
        }
        make(context, fetched, how)
    })
}

fn make(context: &Context<'_>, fetched: Fetched, how: How<'_>) -> Result<Made> {
    let identity = identity::of(context)?;
    let janitor = sweep::afterwards(context, &identity)?;
    let Fetched { file, digest, origin, trust } = fetched;
    let known = digest.map(|digest| context.store.lease(&digest)).transpose()?;
    let layer = match known.flatten() {
        Some(layer) => layer,
        None => {
            let staging = context.store.stage()?;
            let report = tree::unpack(context, &identity, &staging, file, distro::Form::Tarball { strip: None })?;
            let digest = report.digest.ok_or_else(|| Error::new("the tarball was not digested"))?;
            let size = layer::seal(context, &identity, &staging, how.options.no_share)?;
            let made = serde_json::to_value(&report).map_err(Error::new)?;
            let record = LayerRecord { diff_id: None, blob: Some(digest), size: Some(size), made };
            context.store.commit_layer(&staging, &digest, &record)?
        }
    };
    drop(janitor);
    let title = Path::new(&origin).file_name().map_or(origin.clone(), |name| name.to_string_lossy().into_owned());
    let provenance = Provenance { origin, trust: trust.to_string(), title };
    Ok((Image::new(vec![layer.layer()], provenance), vec![layer]))
}

/// What the image is known by: a local file by its place, size and time, so that it is not read again while it is the
/// same; anything else by its address; and by the digest that was asked for.
fn name(location: &Location, form: Form, which: &Which, pin: Option<Digest>) -> Result<String> {
    let pin = pin.map(|digest| format!(" {digest}")).unwrap_or_default();
    let (scheme, which) = (form.scheme(), which.suffix());
    match location {
        Location::Url(url) => Ok(format!("{scheme}{url}{which}{pin}")),
        Location::Path(path) => {
            let shown = path.display();
            let found = fs::canonicalize(path).and_then(|real| Ok((real.metadata()?, real)));
            let (found, real) = found.map_err(|error| Error::new(format!("cannot read {shown}: {error}")))?;
            let (size, seconds, nanoseconds, inode) = (found.size(), found.mtime(), found.mtime_nsec(), found.ino());
            Ok(format!("{scheme}{}{which} {inode} {size} {seconds}.{nanoseconds:09}{pin}", real.display()))
        }
    }
}
