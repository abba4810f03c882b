//! An image from an OCI layout.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::oci::{self, Supply};
use super::unpacker::Unpacking;
use super::{How, Made, known_or};
use crate::context::Context;
use crate::error::Result;
use crate::image::oci::{Descriptor, Platform};
use crate::image::{Digest, Provenance};
use crate::source::layout::{self, Documents, Layout, Place, Which};
use crate::source::{self, Trust};
use crate::store::ImageLease;

/// The image of a layout's directory.
pub(super) fn image(context: &Context<'_>, dir: &Path, which: &Which, how: How<'_>) -> Result<ImageLease> {
    known_or(context, &name(dir, which, how.options.digest)?, how.known, || make(context, dir, which, how))
}

fn make(context: &Context<'_>, dir: &Path, which: &Which, how: How<'_>) -> Result<Made> {
    let pin = how.options.digest;
    let place = Place::Directory(dir.to_owned());
    let documents =
        Layout::open(&place).and_then(|layout| layout.image(which, &here())).map_err(source::Error::from)?;
    let origin = format!("oci:{}", dir.display());
    let actual = documents.published.digest();
    if let Some(expected) = pin.filter(|pin| *pin != actual) {
        return Err(source::Error::Digest { what: origin, expected, actual }.into());
    }
    let trust = if pin.is_some() { Trust::PinnedDigest } else { Trust::None };
    of_place(context, &place, &documents, origin, trust.to_string(), how.options.no_share)
}

/// The image that these documents describe, whose blobs are in a place on this machine.
pub(super) fn of_place(
    context: &Context<'_>,
    place: &Place,
    documents: &Documents,
    origin: String,
    trust: String,
    no_share: bool,
) -> Result<Made> {
    let file = || Path::new(&origin).file_name().map_or(origin.clone(), |name| name.to_string_lossy().into_owned());
    let title = documents.names.first().cloned().unwrap_or_else(file);
    let provenance = Provenance { origin, trust, title };
    oci::make(context, documents, provenance, &mut FromPlace(place), no_share)
}

/// What images must be made for to run here.
pub(super) fn here() -> Platform {
    Platform::linux(std::env::consts::ARCH)
}

/// Blobs that are on this machine already.
struct FromPlace<'a>(&'a Place);

impl Supply for FromPlace<'_> {
    fn supply(&mut self, missing: &[Descriptor], unpacking: &Unpacking) -> Result<()> {
        for (task, descriptor) in missing.iter().enumerate() {
            let file = self.0.blob(descriptor).map_err(source::Error::from)?;
            let unseen = matches!(self.0, Place::Directory(_)).then_some(descriptor.digest);
            if unpacking.whole(task, file, unseen).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// What the image is known by: the place, and the index as it is now, so that it is not read again while it is the same.
fn name(dir: &Path, which: &Which, pin: Option<Digest>) -> Result<String> {
    let index = fs::canonicalize(dir).and_then(|real| Ok((real.join("index.json").metadata()?, real)));
    let missing =
        |_| source::Error::from(layout::Error::Missing { what: format!("an OCI layout in {}", dir.display()) });
    let (index, real) = index.map_err(missing)?;
    let pin = pin.map(|digest| format!(" {digest}")).unwrap_or_default();
    let (inode, seconds, nanoseconds) = (index.ino(), index.mtime(), index.mtime_nsec());
    Ok(format!("oci:{}{} {inode} {seconds}.{nanoseconds:09}{pin}", real.display(), which.suffix()))
}
