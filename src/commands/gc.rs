//! `envbox gc`, and the garbage of other commands.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::{identity, live, project, remove, sweep};
use crate::cli::Gc;
use crate::context::Context;
use crate::error::Result;
use crate::host::Host;
use crate::image::{Digest, short};
use crate::recipe::BoxName;
use crate::store::blobs::{Amount, Blobs, Old};
use crate::store::{Collected, Policy};
use crate::ui::{self, Ui};

const DAY: u64 = 86400;
/// How long a download is kept without being used, where nothing else is said: a month.
const DOWNLOADS: Duration = Duration::from_secs(30 * DAY);
/// How long a box is kept that its project has left behind.
const BOXES: Duration = Duration::from_secs(30 * DAY);
/// How long half a download is kept for somebody to go on with.
const HALVES: Duration = Duration::from_secs(7 * DAY);

/// What was garbage, as JSON has it.
#[derive(Debug, Serialize)]
pub(super) struct Garbage<'a> {
    images: Vec<Image<'a>>,
    layers: &'a [Digest],
    /// Bytes of the files in the layers, as far as that is known.
    size: u64,
    /// Things that another envbox may need.
    busy: usize,
    removed: bool,
}

#[derive(Debug, Serialize)]
struct Image<'a> {
    digest: Digest,
    names: &'a [String],
}

#[derive(Debug, Serialize)]
struct All<'a> {
    #[serde(flatten)]
    garbage: Garbage<'a>,
    downloads: Amount,
    agents: usize,
    boxes: Vec<BoxName>,
    volumes: usize,
    /// What builds have kept for package managers: so many systems'.
    package_caches: usize,
}

impl<'a> Garbage<'a> {
    /// What was collected, or would have been.
    pub(super) fn new(collected: &'a Collected, dry_run: bool) -> Self {
        let images = collected.images.iter().map(|(digest, names)| Image { digest: *digest, names }).collect();
        let Collected { layers, size, busy, .. } = collected;
        Self { images, layers, size: *size, busy: *busy, removed: !dry_run }
    }
}

pub(super) fn run(args: &Gc, host: &Host, ui: &Ui) -> Result {
    let context = &Context::open(host, ui)?;
    let old = Old {
        idle: args.older_than.unwrap_or(DOWNLOADS),
        half: args.older_than.unwrap_or(HALVES),
        keep: args.keep_downloads,
        dry_run: args.dry_run,
    };
    // Downloads and rubbish first: on a full disk they make room for what the rest needs.
    let downloads = Blobs::new(&host.dirs.cache).collect(&old).map_err(crate::error::Error::new)?;
    let agents = context.store.collect_agents(&live::build()?, args.dry_run)?;
    // Before the images, which they may be the last to need.
    let boxes = boxes(context, args)?;
    // Where they are only looked for, they are still there. One of a name that has gone, somebody has made anew.
    let without: BTreeSet<BoxName> = boxes.iter().filter(|_| args.dry_run).cloned().collect();
    let volumes = context.store.collect_volumes(&without, args.dry_run)?;
    let idle = args.older_than.unwrap_or(DOWNLOADS);
    let package_caches = context.store.collect_package_caches(idle, args.dry_run)?;
    if !args.dry_run {
        sweep::if_needed(context)?;
    }
    let policy = Policy { idle: args.older_than, only: None, without, dry_run: args.dry_run };
    let collected = collect(context, &policy)?;
    if args.json {
        let garbage = Garbage::new(&collected, args.dry_run);
        ui.json(&All { garbage, downloads, agents, boxes, volumes, package_caches })?;
        return Ok(0);
    }
    for name in &boxes {
        ui.line(&format!("box {name}"))?;
    }
    say(context, &collected)?;
    let counted = [
        (downloads.count, "downloads", Some(downloads.bytes)),
        (count(agents), "old agents", None),
        (count(volumes), "caches", None),
        (count(package_caches), "package caches", None),
    ];
    for (count, what, bytes) in counted.into_iter().filter(|(count, ..)| *count > 0) {
        let bytes = bytes.map(|bytes| format!(", {}", ui::size(bytes))).unwrap_or_default();
        ui.line(&format!("{what}: {count}{bytes}"))?;
    }
    if args.dry_run {
        ui.note("nothing was removed");
    }
    Ok(0)
}

/// Removes the boxes that their projects have left behind.
fn boxes(context: &Context<'_>, args: &Gc) -> Result<Vec<BoxName>> {
    let mut boxes = project::left_behind(context, args.older_than.unwrap_or(BOXES));
    if !args.dry_run && !boxes.is_empty() {
        identity::of(context)?;
        // One that was started meanwhile is in use.
        boxes.retain(|name| remove::remove(context, name, false).is_ok());
    }
    Ok(boxes)
}

/// Collects garbage and deletes it, and warns of what stands in the way.
///
/// # Errors
/// Where something cannot be read or removed.
pub(super) fn collect(context: &Context<'_>, policy: &Policy) -> Result<Collected> {
    let collected = context.store.collect(policy)?;
    if !policy.dry_run {
        sweep::if_needed(context)?;
    }
    for error in &collected.unreadable {
        context.ui.warning(&format!("{error}: whatever it may need is kept"));
    }
    Ok(collected)
}

/// Says what was collected.
///
/// # Errors
/// Where standard output cannot be written.
pub(super) fn say(context: &Context<'_>, collected: &Collected) -> Result<()> {
    for (image, names) in &collected.images {
        let names: Vec<&str> = names.iter().map(|name| short(name)).collect();
        context.ui.line(format!("image {} {}", image.short(), names.join(", ")).trim_end())?;
    }
    if !collected.layers.is_empty() {
        let (count, size) = (collected.layers.len(), ui::size(collected.size));
        context.ui.line(&format!("layers: {count}, {size}"))?;
    }
    if collected.busy > 0 {
        context.ui.note(&format!("left alone: {}, which another envbox is using", collected.busy));
    }
    Ok(())
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
