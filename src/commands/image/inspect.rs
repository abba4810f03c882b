//! `envbox image inspect`

use std::collections::BTreeMap;

use serde::Serialize;

use super::catalogue::Catalogue;
use crate::cli::ImageInspect;
use crate::context::Context;
use crate::error::Result;
use crate::image::oci::RunConfig;
use crate::image::{Digest, Provenance, Published, place};
use crate::ui;

/// An image, as `image inspect --json` has it.
#[derive(Debug, Serialize)]
struct Inspected<'a> {
    digest: Digest,
    names: Vec<&'a str>,
    boxes: Vec<String>,
    provenance: &'a Provenance,
    config: &'a RunConfig,
    /// The digest by which registries know it.
    published: Option<Digest>,
    layers: Vec<Layer>,
    size: Option<u64>,
    shared: Option<u64>,
    used: u64,
}

#[derive(Debug, Serialize)]
struct Layer {
    digest: Digest,
    diff_id: Option<Digest>,
    blob: Option<Digest>,
    size: Option<u64>,
    present: bool,
}

pub(super) fn run(args: &ImageInspect, context: &Context<'_>) -> Result {
    let catalogue = Catalogue::read(context)?;
    let digests: Vec<Digest> =
        args.images.iter().map(|name| Ok(catalogue.find(name)?.digest)).collect::<Result<_>>()?;
    let found: Vec<Inspected<'_>> =
        digests.iter().map(|digest| inspect(context, &catalogue, digest)).collect::<Result<_>>()?;
    if args.json {
        context.ui.json(&found)?;
        return Ok(0);
    }
    for (index, image) in found.iter().enumerate() {
        if index > 0 {
            context.ui.line("")?;
        }
        for (what, value) in lines(image)? {
            context.ui.line(&format!("{:<12}{value}", format!("{what}:")))?;
        }
    }
    Ok(0)
}

fn inspect<'a>(context: &Context<'_>, catalogue: &'a Catalogue, digest: &'a Digest) -> Result<Inspected<'a>> {
    let image = catalogue.image(digest)?;
    let layer = |layer: &Digest| {
        let record = context.store.layer_record(layer).ok();
        let (diff_id, blob) = record.as_ref().map_or((None, None), |record| (record.diff_id, record.blob));
        let (size, present) = (catalogue.layer_size(layer), context.store.has_layer(layer).unwrap_or(false));
        Layer { digest: *layer, diff_id, blob, size, present }
    };
    Ok(Inspected {
        digest: *digest,
        names: catalogue.names_of(digest).map(|name| place(&name.name)).collect(),
        boxes: catalogue.boxes_of(digest),
        provenance: &image.provenance,
        config: &image.config,
        published: image.published.as_ref().map(Published::digest),
        layers: image.layers.iter().map(layer).collect(),
        size: catalogue.size(digest),
        shared: catalogue.shared(digest),
        used: context.store.last_used(digest).map_or(0, ui::seconds),
    })
}

/// What people read, line by line; what there is nothing to be said of is left out.
fn lines(image: &Inspected<'_>) -> Result<Vec<(String, String)>> {
    let size = match (image.size, image.shared) {
        (Some(_), Some(shared)) if shared > 0 => {
            format!("{}, {} of it shared with other images", ui::size_if_known(image.size), ui::size(shared))
        }
        (size, _) => ui::size_if_known(size),
    };
    let mut lines = vec![
        ("digest", image.digest.to_string()),
        ("names", image.names.join(", ")),
        ("title", image.provenance.title.clone()),
        ("origin", image.provenance.origin.clone()),
        ("trust", image.provenance.trust.clone()),
        ("published", image.published.map(|digest| digest.to_string()).unwrap_or_default()),
        ("boxes", image.boxes.join(", ")),
        ("size", size),
    ]
    .into_iter()
    .map(|(what, value)| (what.to_owned(), value))
    .collect::<Vec<_>>();
    // The names and the form of what the image asks for are the config's own.
    let config: BTreeMap<String, serde_json::Value> =
        serde_json::to_value(image.config).and_then(serde_json::from_value).map_err(crate::error::Error::new)?;
    lines.extend(config.into_iter().map(|(what, value)| (what, shown(&value))));
    for layer in &image.layers {
        let state = if layer.present { ui::size_if_known(layer.size) } else { "missing".to_owned() };
        lines.push(("layer".to_owned(), format!("{} {state}", layer.digest)));
    }
    lines.retain(|(_, value)| !value.is_empty());
    Ok(lines)
}

/// A word as it is, anything else as JSON.
fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
