//! Images from a bundle: an archive of an OCI layout, or what `docker save` writes.

use std::fs::File;
use std::io::Seek as _;

use super::Made;
use super::layout::{here, of_place};
use super::wanted::Form;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::source;
use crate::source::layout::{Bundle, DockerArchive, Documents, Layout, Place, Which};
use crate::store::blobs::Blobs;
use crate::ui::Ui;
use crate::unpack;
use crate::unpack::bundle::{self as archive, Entry};

/// Whether an archive is a bundle; leaves the file rewound.
///
/// # Errors
/// lseek(2)'s.
pub(super) fn is_one(file: &mut File) -> Result<bool> {
    let found = archive::is_bundle(&*file);
    file.rewind().map_err(Error::new)?;
    Ok(found)
}

/// One image of a bundle.
///
/// # Errors
/// Whatever is wrong with the bundle, or keeps a layer from being unpacked.
pub(super) fn image(
    context: &Context<'_>,
    file: File,
    (origin, trust): (String, String),
    form: Form,
    which: &Which,
    no_share: bool,
) -> Result<Made> {
    let place = Place::Bundle(Box::new(read(context.ui, file, &origin, &super::blobs(context))?));
    let documents = Contents::open(&place, form)?.image(which)?;
    of_place(context, &place, &documents, origin, trust, no_share)
}

/// What a bundle says of itself.
pub(super) enum Contents<'a> {
    Oci(Layout<'a>),
    Docker(DockerArchive<'a>),
}

impl<'a> Contents<'a> {
    /// Reads its table of contents. One that has both is taken for a layout, unless it is called the other.
    ///
    /// # Errors
    /// That it has none.
    pub(super) fn open(place: &'a Place, form: Form) -> Result<Self> {
        let opened = match place {
            Place::Bundle(bundle) if form == Form::Docker || form == Form::Any && !bundle.has("oci-layout") => {
                DockerArchive::open(bundle).map(Self::Docker)
            }
            place => Layout::open(place).map(Self::Oci),
        };
        Ok(opened.map_err(source::Error::from)?)
    }

    /// The documents of an image of it.
    ///
    /// # Errors
    /// That there is none such, or that they cannot be used.
    pub(super) fn image(&self, which: &Which) -> Result<Documents> {
        let documents = match self {
            Self::Oci(layout) => layout.image(which, &here()),
            Self::Docker(archive) => archive.image(which, &here()),
        };
        Ok(documents.map_err(source::Error::from)?)
    }

    /// The names of the images in it.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Oci(layout) => layout.names(),
            Self::Docker(archive) => archive.names(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read {archive}")]
struct Unreadable {
    archive: String,
    source: unpack::Error,
}

/// Reads a bundle to its end; its files are in the cache then.
///
/// # Errors
/// That it is malformed, or the disk is full.
pub(super) fn read(ui: &Ui, file: File, archive: &str, blobs: &Blobs) -> Result<Bundle> {
    let failed = |source| Error::new(Unreadable { archive: archive.to_owned(), source });
    let mut position = file.try_clone().map_err(Error::new)?;
    let bar = ui.progress(&format!("reading {archive}"), file.metadata().ok().map(|found| found.len()));
    let mut shown = 0;
    let limits = archive::limits();
    let mut reader = archive::Bundle::open(file, &limits).map_err(failed)?;
    let mut bundle = Bundle::new(archive.to_owned(), blobs.clone());
    while let Some(Entry { name, link }) = reader.entry().map_err(failed)? {
        let added = match link {
            Some(target) => bundle.link(name, target),
            None => {
                let mut staged = blobs.stage().map_err(source::Error::from)?;
                loop {
                    let bytes = reader.content().map_err(failed)?;
                    if bytes.is_empty() {
                        break;
                    }
                    staged.write(bytes).map_err(source::Error::from)?;
                    let count = bytes.len();
                    reader.consume(count);
                    let at = position.stream_position().unwrap_or(shown);
                    bar.advance(at - shown);
                    shown = at;
                }
                let size = staged.size();
                let (digest, _) = staged.commit(None).map_err(source::Error::from)?;
                bundle.add(name, digest, size)
            }
        };
        added.map_err(source::Error::from)?;
    }
    bar.finish();
    Ok(bundle)
}
