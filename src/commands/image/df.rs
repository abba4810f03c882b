//! `envbox image df`

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use crate::cli::ImageDf;
use crate::commands::{identity, live};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, short};
use crate::store::Policy;
use crate::store::blobs::{Amount, Blobs};
use crate::sys::root::{self, Open};
use crate::sys::tree;
use crate::ui::{self, Table};
use crate::userns;

/// What the store takes on the disk, as `image df --json` has it. All sizes are allocated bytes.
#[derive(Debug, Serialize)]
struct Usage {
    images: Vec<ImageUsage>,
    /// All layers together.
    layers: Amount,
    /// What is written in boxes.
    boxes: Amount,
    /// What envboxes in boxes keep.
    nested: Amount,
    /// What builds keep for package managers.
    packages: Amount,
    /// The download cache.
    downloads: Amount,
    /// What `envbox gc` would free, downloads aside.
    garbage: Amount,
}

#[derive(Debug, Serialize)]
struct ImageUsage {
    digest: Digest,
    names: Vec<String>,
    size: u64,
    /// Of that, what other images have as well: layers, or files that layers share.
    shared: u64,
    /// What would be free without it.
    private: u64,
    boxes: Vec<String>,
}

/// A file with several names, by device and inode.
type Identity = (u64, u64);

/// What a tree takes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Tree {
    /// Files that have one name, and directories.
    plain: u64,
    /// Files that may be in other trees too.
    linked: Vec<(Identity, u64)>,
}

pub(super) fn run(args: &ImageDf, context: &Context<'_>) -> Result {
    let catalogue = Catalogue::read(context)?;
    let usage = measure(context, &catalogue)?;
    if args.json {
        context.ui.json(&usage)?;
        return Ok(0);
    }
    let mut images = Table::new(&["IMAGE", "SIZE", "SHARED", "PRIVATE", "BOXES"]);
    for image in &usage.images {
        let names: Vec<&str> = image.names.iter().map(|name| short(name)).collect();
        let name = if names.is_empty() { image.digest.short() } else { names.join(", ") };
        let sizes = [image.size, image.shared, image.private].map(|bytes| ui::size(bytes).into());
        images.row(std::iter::once(name.into()).chain(sizes).chain([image.boxes.len().to_string().into()]));
    }
    let mut totals = Table::new(&["WHAT", "COUNT", "SIZE"]);
    let rows = [
        ("layers", usage.layers),
        ("boxes", usage.boxes),
        ("boxes in boxes", usage.nested),
        ("packages", usage.packages),
        ("downloads", usage.downloads),
        ("garbage", usage.garbage),
    ];
    for (what, amount) in rows {
        totals.row([what.into(), amount.count.to_string().into(), ui::size(amount.bytes).into()]);
    }
    context.ui.table(&images)?;
    context.ui.line("")?;
    context.ui.table(&totals)?;
    Ok(0)
}

fn measure(context: &Context<'_>, catalogue: &Catalogue) -> Result<Usage> {
    let store = &context.store;
    let layers = store.layers()?;
    let boxes = crate::store::box_names(store.data());
    let nested: Vec<PathBuf> = boxes.iter().map(|name| store.box_nested(name)).filter(|dir| dir.is_dir()).collect();
    let paths: Vec<PathBuf> = layers
        .iter()
        .map(|layer| store.layer_fs(layer))
        .chain(boxes.iter().map(|name| store.box_upper(name)))
        .chain(nested.iter().cloned())
        .chain(store.package_caches()?)
        .collect();
    let mut trees = trees(context, &paths)?;
    let packages = trees.split_off(layers.len() + boxes.len() + nested.len());
    let nested = trees.split_off(layers.len() + boxes.len());
    let written = trees.split_off(layers.len());
    let trees: BTreeMap<Digest, Tree> = layers.into_iter().zip(trees).collect();
    let garbage = store.collect(&Policy { dry_run: true, ..Policy::default() })?.layers;
    let all = Layers::new(&trees);
    let images = catalogue.images.keys().map(|digest| {
        let own = catalogue.layers_of(digest);
        let others = catalogue.images.keys().filter(|other| *other != digest).flat_map(|it| catalogue.layers_of(it));
        let (size, private) =
            (all.size(own.iter()), all.without(&own.difference(&others.collect()).copied().collect::<Vec<_>>()));
        ImageUsage {
            digest: *digest,
            names: catalogue.names_of(digest).map(|name| name.name.clone()).collect(),
            size,
            shared: size.saturating_sub(private),
            private,
            boxes: catalogue.boxes_of(digest),
        }
    });
    Ok(Usage {
        images: images.collect(),
        layers: amount(trees.len(), all.size(trees.keys())),
        boxes: amount(written.len(), written.iter().map(Tree::size).sum()),
        nested: amount(nested.len(), nested.iter().map(Tree::size).sum()),
        packages: amount(packages.len(), packages.iter().map(Tree::size).sum()),
        downloads: Blobs::new(&context.host.dirs.cache).usage().map_err(Error::new)?,
        garbage: amount(garbage.len(), all.without(&garbage)),
    })
}

fn amount(count: usize, bytes: u64) -> Amount {
    Amount { count: u64::try_from(count).unwrap_or(u64::MAX), bytes }
}

impl Tree {
    fn size(&self) -> u64 {
        self.plain + self.linked.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }
}

/// Layers, and how many of them have each file that may be in several.
struct Layers<'a> {
    trees: &'a BTreeMap<Digest, Tree>,
    owners: HashMap<Identity, usize>,
}

impl<'a> Layers<'a> {
    fn new(trees: &'a BTreeMap<Digest, Tree>) -> Self {
        let mut owners = HashMap::new();
        for (identity, _) in trees.values().flat_map(|tree| &tree.linked) {
            *owners.entry(*identity).or_default() += 1;
        }
        Self { trees, owners }
    }

    fn of<'b>(&self, layers: impl Iterator<Item = &'b Digest>) -> impl Iterator<Item = &'a Tree> {
        layers.filter_map(|layer| self.trees.get(layer))
    }

    /// Bytes of these layers, what several of them have counted once.
    fn size<'b>(&self, layers: impl Iterator<Item = &'b Digest> + Clone) -> u64 {
        let linked: HashMap<Identity, u64> = self.of(layers.clone()).flat_map(|tree| tree.linked.clone()).collect();
        self.of(layers).map(|tree| tree.plain).sum::<u64>() + linked.values().sum::<u64>()
    }

    /// Bytes that would be free without these layers.
    fn without(&self, layers: &[Digest]) -> u64 {
        let mut inside: HashMap<Identity, (usize, u64)> = HashMap::new();
        for (identity, bytes) in self.of(layers.iter()).flat_map(|tree| &tree.linked) {
            let (count, _) = inside.entry(*identity).or_insert((0, *bytes));
            *count += 1;
        }
        let freed = inside.iter().filter(|(identity, (count, _))| self.owners.get(identity) == Some(count));
        self.of(layers.iter()).map(|tree| tree.plain).sum::<u64>() + freed.map(|(_, (_, bytes))| bytes).sum::<u64>()
    }
}

/// Measures trees, which belong to subordinate ids: inside the namespace. One that is gone takes nothing.
fn trees(context: &Context<'_>, paths: &[PathBuf]) -> Result<Vec<Tree>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let identity = identity::of(context)?;
    Ok(userns::run(&live::proof()?, &identity, |_| {
        paths.iter().map(|path| tree(path)).collect::<io::Result<Vec<_>>>()
    })?)
}

fn tree(path: &std::path::Path) -> io::Result<Tree> {
    let root = match root::open_absolute(path, Open::Directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Tree::default()),
        root => root?,
    };
    let (mut plain, mut linked) = (0, HashMap::new());
    tree::visit(root.as_fd(), &mut |visited| {
        let status = &visited.status;
        if status.is_dir || status.links < 2 {
            plain += status.allocated;
        } else {
            linked.insert(status.identity, status.allocated);
        }
        Ok(())
    })?;
    Ok(Tree { plain, linked: linked.into_iter().collect() })
}
