//! `envbox image list`

use std::time::SystemTime;

use serde::Serialize;

use super::catalogue::Catalogue;
use crate::cli::ImageList;
use crate::context::Context;
use crate::error::Result;
use crate::image::{Digest, short};
use crate::store::Name;
use crate::ui::{self, Cell, Style, Table};

/// A name of an image, or an image without one, as `image list --json` has it.
#[derive(Debug, Serialize)]
struct Row {
    name: Option<String>,
    digest: Digest,
    title: Option<String>,
    layers: Option<usize>,
    size: Option<u64>,
    shared: Option<u64>,
    boxes: Vec<String>,
    /// Since when the name means the image: seconds of the epoch.
    since: u64,
    /// When a box was last made of it.
    used: u64,
    trust: Option<String>,
    damaged: bool,
}

pub(super) fn run(args: &ImageList, context: &Context<'_>) -> Result {
    let catalogue = Catalogue::read(context)?;
    let mut rows = Vec::new();
    for digest in catalogue.images.keys() {
        let names: Vec<&Name> = catalogue.names_of(digest).collect();
        rows.extend(names.iter().map(|name| row(context, &catalogue, digest, Some(name))));
        if names.is_empty() {
            rows.push(row(context, &catalogue, digest, None));
        }
    }
    rows.sort_by(|a, b| (a.name.is_none(), &a.name).cmp(&(b.name.is_none(), &b.name)));
    for error in &catalogue.needed.unreadable {
        context.ui.warning(&error.to_string());
    }
    if args.json {
        context.ui.json(&rows)?;
    } else {
        context.ui.table(&table(&rows))?;
    }
    Ok(0)
}

fn row(context: &Context<'_>, catalogue: &Catalogue, digest: &Digest, name: Option<&Name>) -> Row {
    let image = catalogue.images.get(digest).and_then(|image| image.as_ref().ok());
    let used = context.store.last_used(digest).unwrap_or(SystemTime::UNIX_EPOCH);
    let complete = image.is_some_and(|image| context.store.has_layers(image).unwrap_or(false));
    Row {
        name: name.map(|name| name.name.clone()),
        digest: *digest,
        title: image.map(|image| image.provenance.title.clone()),
        layers: image.map(|image| image.layers.len()),
        size: image.and(catalogue.size(digest)),
        shared: image.and(catalogue.shared(digest)),
        boxes: catalogue.boxes_of(digest),
        since: ui::seconds(name.map_or(used, |name| name.since)),
        used: ui::seconds(used),
        trust: image.map(|image| image.provenance.trust.clone()),
        damaged: !complete,
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&["NAME", "IMAGE", "LAYERS", "SIZE", "SHARED", "AGE", "TRUST"]);
    for row in rows {
        let name = row.name.as_deref().map_or_else(|| Cell::new("-", Style::Faint), |name| short(name).into());
        let trust =
            if row.damaged { Cell::new("damaged", Style::Bad) } else { row.trust.clone().unwrap_or_default().into() };
        table.row([
            name,
            row.digest.short().into(),
            row.layers.map_or_else(|| "-".to_owned(), |count| count.to_string()).into(),
            ui::size_if_known(row.size).into(),
            ui::size_if_known(row.shared).into(),
            ui::age(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(row.since)).into(),
            trust,
        ]);
    }
    table
}
