//! An image at a registry.

use std::path::PathBuf;

use super::layout::here;
use super::oci::{self, Supply};
use super::progress::Shown;
use super::unpacker::{Growth, Unpacking};
use super::{How, Made, blobs, client, known_or};
use crate::context::Context;
use crate::error::Result;
use crate::image::oci::Descriptor;
use crate::image::{Provenance, Reference};
use crate::source;
use crate::source::layout::Documents;
use crate::source::oci::{Event, Registries, Repository, Resolved, Settings};
use crate::store::ImageLease;
use crate::store::blobs::Blobs;

/// What stands before a reference where it could be taken for something else.
pub(super) const SCHEME: &str = "docker://";

/// The image that a reference names. A reference that the store knows is not asked for again.
pub(super) fn image(context: &Context<'_>, reference: &Reference, how: How<'_>) -> Result<ImageLease> {
    let reference = how.options.digest.map_or_else(|| reference.clone(), |digest| reference.at(digest));
    known_or(context, &reference.to_string(), how.known, || make(context, &reference, how))
}

/// The registries, as this user's files have it.
pub(in crate::commands) fn registries(context: &Context<'_>, plain_http: bool) -> Registries {
    let (home, uid) = (&context.host.user.home, context.host.user.uid);
    let settings = Settings::customary(|name| context.host.var(name).map(PathBuf::from), home, uid);
    Registries::new(client(context), settings).with_plain_http(plain_http)
}

/// The image that a reference names now.
pub(super) fn make(context: &Context<'_>, reference: &Reference, how: How<'_>) -> Result<Made> {
    let shown = Shown::on(context.ui);
    let blobs = blobs(context);
    let registries = registries(context, how.options.plain_http);
    let resolved = registries.open(reference)?.resolve(&here(), &blobs, &shown)?;
    let provenance = Provenance {
        origin: format!("{SCHEME}{}", resolved.reference),
        trust: resolved.trust.to_string(),
        title: reference.to_string(),
    };
    let documents = Documents {
        manifest: resolved.manifest.clone(),
        config: resolved.config.clone(),
        published: resolved.published.clone(),
        names: vec![reference.to_string()],
    };
    let open = || registries.open(&resolved.reference);
    let mut supply = FromRegistry { open: &open, resolved: &resolved, blobs: &blobs, shown: &shown };
    oci::make(context, &documents, provenance, &mut supply, how.options.no_share)
}

/// Blobs that are downloaded, and unpacked while they are.
struct FromRegistry<'a> {
    open: &'a dyn Fn() -> std::result::Result<Repository, source::Error>,
    resolved: &'a Resolved,
    blobs: &'a Blobs,
    shown: &'a Shown<'a>,
}

impl Supply for FromRegistry<'_> {
    fn supply(&mut self, missing: &[Descriptor], unpacking: &Unpacking) -> Result<()> {
        let mut growths: Vec<Option<Growth>> = missing.iter().map(|_| None).collect();
        let mut given_up = false;
        let repository = (self.open)()?;
        let downloaded = repository.download(self.resolved, missing, self.blobs, self.shown, &mut |event| {
            match event {
                Event::Grew { index, .. } => growths[index].iter().for_each(Growth::grew),
                Event::Done { index } => growths[index] = None,
                Event::Began { index, file } => {
                    let handed = unpacking.growing(index, file);
                    given_up |= handed.is_err();
                    let package = format!("layer {}", missing[index].digest.short());
                    growths[index] = Some(handed.map_err(|source| source::Error::HandOn { package, source })?);
                }
            }
            Ok(())
        });
        match downloaded {
            // The unpacker has gone away, and knows why.
            Err(_) if given_up => Ok(()),
            result => Ok(result?),
        }
    }
}
