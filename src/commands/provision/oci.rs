//! An image of several layers, from its documents and whoever has its blobs.

use std::collections::VecDeque;
use std::fs::File;

use super::Made;
use super::unpacker::{Task, Unpacked, Unpacking};
use crate::commands::live::proof;
use crate::commands::{identity, layer, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::oci::Descriptor;
use crate::image::{Digest, Image, LayerRecord, Provenance};
use crate::source::layout::Documents;
use crate::store::{Lease, NameLock, Staging};
use crate::unpack::Report;

/// A layer of an image.
#[derive(Debug, Clone)]
struct Layer {
    descriptor: Descriptor,
    diff_id: Digest,
    /// What the store calls it where its tree is of itself alone.
    alone: Digest,
    /// What the store calls it where its tree owes something to the layers below it.
    stacked: Digest,
}

impl Layer {
    fn all(image: &Documents) -> Vec<Self> {
        let pairs = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
        let mut below = Vec::new();
        pairs
            .map(|(descriptor, &diff_id)| {
                let (alone, stacked) = (LayerRecord::oci_name(&diff_id), LayerRecord::oci_name_on(&diff_id, &below));
                below.push(diff_id);
                Self { descriptor: descriptor.clone(), diff_id, alone, stacked }
            })
            .collect()
    }

    /// The layer as the store has it, if it does.
    fn lease(&self, context: &Context<'_>) -> Result<Option<Lease>> {
        Ok(match context.store.lease(&self.alone)? {
            None => context.store.lease(&self.stacked)?,
            found => found,
        })
    }
}

/// Hands over the blobs of the layers that the store lacks.
pub(super) trait Supply {
    /// Hands each of these over, by its number.
    ///
    /// # Errors
    /// Whatever keeps a blob from being had. Where the unpacking has failed, no error: it says why itself.
    fn supply(&mut self, missing: &[Descriptor], unpacking: &Unpacking) -> Result<()>;
}

/// Makes the image; whatever the store has of it is not fetched. Of two processes that want a layer, one unpacks it.
///
/// # Errors
/// Whatever keeps a layer from being had. Those that were unpacked by then are lost, what was downloaded is not.
pub(super) fn make(
    context: &Context<'_>,
    image: &Documents,
    provenance: Provenance,
    supply: &mut dyn Supply,
    no_share: bool,
) -> Result<Made> {
    let layers = Layer::all(image);
    let locks = lock(context, &layers)?;
    let mut leases: Vec<Option<Lease>> = layers.iter().map(|layer| layer.lease(context)).collect::<Result<_>>()?;
    if leases.iter().any(Option::is_none) {
        let identity = identity::of(context)?;
        let janitor = sweep::afterwards(context, &identity)?;
        let (tasks, staged) = stage(context, &layers, &leases)?;
        let others = layer::others(context, no_share)?;
        let unpacking = Unpacking::start(&proof()?, &identity, context.ui, &tasks, &others)?;
        let missing: Vec<Descriptor> = staged.iter().map(|(index, _)| layers[*index].descriptor.clone()).collect();
        supply.supply(&missing, &unpacking)?;
        commit(context, &layers, &staged, &unpacking.finish()?, &mut leases)?;
        drop(janitor);
    }
    drop(locks);
    let leases: Vec<Lease> = leases.into_iter().flatten().collect();
    let (layers, config) = (leases.iter().map(Lease::layer).collect(), image.config.config.clone());
    Ok((Image { layers, provenance, config, published: Some(image.published.clone()) }, leases))
}

/// A layer by its place in the image, and where its tree comes to be.
type Staged = (usize, Staging);

/// Makes room for the layers that are not there.
fn stage(context: &Context<'_>, layers: &[Layer], leases: &[Option<Lease>]) -> Result<(Vec<Task>, Vec<Staged>)> {
    let (mut tasks, mut staged) = (Vec::new(), Vec::new());
    // The topmost first.
    let mut below = VecDeque::new();
    for (number, (layer, lease)) in layers.iter().zip(leases).enumerate() {
        if let Some(lease) = lease {
            below.push_front(context.store.layer_fs(&lease.layer()));
            continue;
        }
        let staging = context.store.stage()?;
        let target = staging.layer()?;
        let index = File::create(staging.layer_index()).map_err(Error::new)?;
        let (diff_id, size) = (layer.diff_id, layer.descriptor.size);
        tasks.push(Task { target: target.clone(), index, below: below.clone().into(), diff_id, size });
        below.push_front(target);
        staged.push((number, staging));
    }
    Ok((tasks, staged))
}

/// Takes the locks of all layers that are not there, in one order for everybody, so that nobody waits for who waits for
/// them.
fn lock(context: &Context<'_>, layers: &[Layer]) -> Result<Vec<NameLock>> {
    // What cannot be looked at is complained about when it is to be had.
    let has = |name: &Digest| context.store.has_layer(name).unwrap_or(false);
    let there = |layer: &Layer| [layer.alone, layer.stacked].iter().any(has);
    let mut missing: Vec<Digest> = layers.iter().filter(|layer| !there(layer)).map(|layer| layer.alone).collect();
    missing.sort_unstable();
    missing.dedup();
    let waiting = || context.ui.note("waiting for another envbox that is unpacking the same layers");
    missing.iter().map(|layer| Ok(context.store.lock_name(&format!("layer {layer}"), waiting)?)).collect()
}

fn commit(
    context: &Context<'_>,
    layers: &[Layer],
    staged: &[Staged],
    unpacked: &[Unpacked],
    leases: &mut [Option<Lease>],
) -> Result<()> {
    let devices: u64 = unpacked.iter().map(|unpacked| unpacked.report.devices_skipped).sum();
    if devices > 0 {
        context.ui.step(&format!("left out {devices} device nodes: boxes have a /dev of their own"));
    }
    layer::tell(context, &unpacked.iter().map(|unpacked| unpacked.sealed.shared).collect::<Vec<_>>());
    for ((number, staging), Unpacked { report, sealed }) in staged.iter().zip(unpacked) {
        let layer = &layers[*number];
        let name = if stands_alone(report) { layer.alone } else { layer.stacked };
        let made = serde_json::json!({
            "entries": report.entries,
            "bytes": report.bytes,
            "devices_skipped": report.devices_skipped,
            "xattrs_dropped": report.xattrs_dropped,
        });
        let (diff_id, blob) = (Some(layer.diff_id), Some(layer.descriptor.digest));
        let record = LayerRecord { diff_id, blob, size: Some(sealed.size), made };
        leases[*number] = Some(context.store.commit_layer(staging, &name, &record)?);
    }
    Ok(())
}

/// Whether a layer's tree is the same on whatever layers it lies ([`crate::unpack::adopt`]).
fn stands_alone(report: &Report) -> bool {
    report.links.is_empty() && report.implied.is_empty() && report.whiteouts.is_empty() && !report.opaque
}
