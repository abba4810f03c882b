//! `envbox image push`

use std::collections::BTreeSet;
use std::fs::File;

use super::catalogue::Catalogue;
use crate::cli::ImagePush;
use crate::commands::export::export;
use crate::commands::provision::{self, Shown};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::oci::Descriptor;
use crate::image::{Image, Published, Reference};
use crate::pack::Export;

pub(super) fn run(args: &ImagePush, context: &Context<'_>) -> Result {
    let to = destination(args)?;
    let held = Catalogue::read(context)?.hold(&context.store, &args.image)?;
    let from = origin(held.image());
    let (image, blobs) = documents(export(context, held.image(), args.compression.map(Into::into))?)?;
    let repository = provision::registries(context, args.plain_http).open(&to)?;
    let digest = repository.push(&image, blobs, from.as_ref(), &Shown::on(context.ui))?;
    context.ui.line(&to.at(digest).to_string())?;
    Ok(0)
}

/// Where the image goes: never anywhere that nobody has named.
fn destination(args: &ImagePush) -> Result<Reference> {
    let text = args.to.as_deref().unwrap_or(&args.image.0);
    let named = text.strip_prefix("docker://").unwrap_or(text);
    if args.to.is_none() && !named.contains('/') {
        return Err(Error::new(format!("`{text}` does not say where to push the image"))
            .hint(format!("envbox image push {text} registry.example/team/{named}")));
    }
    named.parse().map_err(Error::new)
}

/// Where the image came from: a registry may have its layers already.
fn origin(image: &Image) -> Option<Reference> {
    image.provenance.origin.strip_prefix("docker://")?.parse().ok()
}

/// What a registry gets: the documents, and each blob once.
fn documents(export: Export) -> Result<(Published, Vec<(Descriptor, File)>)> {
    let text = |bytes| String::from_utf8(bytes).map_err(Error::new);
    let (manifest, config) = (text(export.manifest)?, text(export.config)?);
    let image = Published { manifest, media_type: export.media_type, config };
    let mut seen = BTreeSet::new();
    let layers = export.layers.into_iter().filter(|layer| seen.insert(layer.descriptor.digest));
    Ok((image, layers.map(|layer| (layer.descriptor, layer.file)).collect()))
}
