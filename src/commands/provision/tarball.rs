//! An image from a tarball, or from a bundle if it turns out to be one.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::progress::Shown;
use super::unpacker::write_index;
use super::wanted::Form;
use super::{Known, blobs, bundle, client, known_or};
use crate::commands::live::proof;
use crate::commands::{identity, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image, Provenance};
use crate::source::layout::Which;
use crate::source::tarball::{self, Fetched, Location};
use crate::unpack::{self, Options, Report, Root};
use crate::userns::{self, Identity};

/// The image in an archive; `pin` is the digest that the archive must have.
pub(super) fn image(
    context: &Context<'_>,
    location: &Location,
    form: Form,
    which: &Which,
    pin: Option<Digest>,
    known: Known,
) -> Result<Digest> {
    known_or(context, &name(location, form, which, pin)?, known, || {
        let fetched = tarball::fetch(location, pin, &client(context), &blobs(context), &Shown::on(context.ui))?;
        of_file(context, fetched, form, which)
    })
}

/// The image in an archive that is here.
///
/// # Errors
/// Whatever is wrong with it.
pub(super) fn of_file(context: &Context<'_>, mut fetched: Fetched, form: Form, which: &Which) -> Result<Image> {
    if form != Form::Any || bundle::is_one(&mut fetched.file)? {
        return bundle::image(context, fetched, form, which);
    }
    make(context, fetched)
}

fn make(context: &Context<'_>, fetched: Fetched) -> Result<Image> {
    let identity = identity::of(context)?;
    let janitor = sweep::afterwards(context, &identity)?;
    let Fetched { file, digest, origin, trust } = fetched;
    let layer = match digest.filter(|digest| context.store.has_layer(digest)) {
        Some(layer) => layer,
        None => layer(context, &identity, file)?,
    };
    drop(janitor);
    let title = Path::new(&origin).file_name().map_or(origin.clone(), |name| name.to_string_lossy().into_owned());
    let provenance = Provenance { origin, trust: trust.to_string(), title };
    Ok(Image::new(vec![layer], provenance))
}

/// Makes a layer of a tarball, or of a squashfs image.
fn layer(context: &Context<'_>, identity: &Identity, mut file: File) -> Result<Digest> {
    let staging = context.store.stage()?;
    let tree = staging.layer()?;
    let index = File::create(staging.layer_index()).map_err(Error::new)?;
    let size = file.metadata().map_err(Error::new)?.len();
    let squashed = begins_with(&mut file, &unpack::SQUASHFS_MAGIC).map_err(Error::new)?;
    let report: Report = userns::run(&proof()?, identity, |_| {
        // Of a squashfs image it is known how much has been written, of a tarball how much has been read.
        let bar = context.ui.progress("unpacking", (!squashed).then_some(size));
        fs::create_dir(&tree).map_err(Failure::Target)?;
        let options = Options { index: true, ..Options::default() };
        let mut before = 0;
        let mut show = |now: u64| {
            bar.advance(now.saturating_sub(before));
            before = now;
        };
        let root = Root::confine(&tree)?;
        let report = match squashed {
            true => unpack::squashfs(&root, file, &options, &mut show)?,
            false => unpack::tar(&root, file, &options, &mut show)?,
        };
        bar.finish();
        if let Some(files) = &report.files {
            write_index(&index, files).map_err(Failure::Index)?;
        }
        Ok::<_, Failure>(report)
    })?;
    if report.devices_skipped > 0 {
        let count = report.devices_skipped;
        context.ui.step(&format!("left out {count} device nodes: boxes have a /dev of their own"));
    }
    let digest = report.digest.ok_or_else(|| Error::new("the tarball was not digested"))?;
    context.store.commit_layer(&staging, &digest, &report)?;
    Ok(digest)
}

/// Whether a file begins with these bytes; leaves it rewound.
fn begins_with(file: &mut File, magic: &[u8; 4]) -> io::Result<bool> {
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start == magic)
}

/// What the image is known by: a local file by its place, size and time, so that it is not read again while it is the
/// same; anything else by its address; and by the digest that was asked for.
fn name(location: &Location, form: Form, which: &Which, pin: Option<Digest>) -> Result<String> {
    let pin = pin.map(|digest| format!(" {digest}")).unwrap_or_default();
    let pin = match which {
        Which::Only if form == Form::Any => pin,
        which => format!("{pin} {form:?} {which:?}"),
    };
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

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot make the directory to unpack into")]
    Target(#[source] std::io::Error),
    #[error("cannot write the layer's index")]
    Index(#[source] std::io::Error),
    #[error(transparent)]
    Unpack(#[from] unpack::Error),
}
