//! `envbox image verify`

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::repair;
use crate::cli::ImageVerify;
use crate::commands::{identity, live};
use crate::context::Context;
use crate::error::Result;
use crate::image::Digest;
use crate::sys::root::{self, Open};
use crate::ui::{Cell, Style};
use crate::unpack::index::{Change, Index};
use crate::{ui, userns};

/// Differences of one layer that are told at the most.
const MOST: usize = 1000;

/// A layer that was looked at, as `image verify --json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Verified {
    /// The layer.
    pub(super) layer: Digest,
    /// What is the matter with it.
    #[serde(flatten)]
    pub(super) state: State,
}

/// How a layer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(super) enum State {
    /// As it was unpacked.
    Whole,
    /// Not in the store.
    Missing,
    /// Not as it was unpacked.
    Damaged {
        /// What is different.
        differences: Vec<Difference>,
    },
    /// Nobody can tell: it has no index, or that is damaged itself.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// One file that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Difference {
    path: String,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Missing,
    Added,
    /// Its content.
    Content,
    /// Its owner, mode, time, kind or attributes.
    Metadata,
}

impl Verified {
    /// Whether fetching it anew would help.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self.state, State::Missing | State::Damaged { .. })
    }
}

pub(super) fn run(args: &ImageVerify, context: &Context<'_>) -> Result {
    let catalogue = Catalogue::read(context)?;
    let images: BTreeSet<Digest> = match &*args.images {
        [] => catalogue.images.keys().copied().collect(),
        names => names.iter().map(|name| Ok(catalogue.find(name)?.digest)).collect::<Result<_>>()?,
    };
    let mut unreadable = 0;
    for error in images.iter().filter_map(|image| catalogue.image(image).err()) {
        context.ui.error(&error);
        unreadable += 1;
    }
    let layers: BTreeSet<Digest> = images.iter().flat_map(|image| catalogue.layers_of(image)).collect();
    let mut verified = verify(context, layers)?;
    if args.repair && verified.iter().any(Verified::is_bad) {
        say(args, context, &verified)?;
        repair::repair(context, &catalogue, &verified)?;
        verified = verify(context, verified.iter().filter(|it| it.is_bad()).map(|it| it.layer).collect())?;
    }
    if args.json {
        context.ui.json(&verified)?;
    } else {
        say(args, context, &verified)?;
    }
    Ok(u8::from(unreadable > 0 || verified.iter().any(Verified::is_bad)))
}

/// Reads layers, and compares each with its index.
///
/// # Errors
/// Where they cannot be read.
pub(super) fn verify(context: &Context<'_>, layers: BTreeSet<Digest>) -> Result<Vec<Verified>> {
    if layers.is_empty() {
        return Ok(Vec::new());
    }
    // So that nothing is collected while it is looked at.
    let leases = layers.iter().map(|layer| context.store.lease(layer)).collect::<std::result::Result<Vec<_>, _>>()?;
    let places = |layer: &Digest| (context.store.layer_fs(layer), context.store.layer_index(layer));
    let paths: Vec<(PathBuf, PathBuf)> = layers.iter().map(places).collect();
    let identity = identity::of(context)?;
    let states = userns::run(&live::proof()?, &identity, |_| {
        let bar = context.ui.progress("verifying", None);
        let states = paths.iter().map(|(tree, index)| {
            let state = look(tree, index, &|bytes| bar.advance(bytes));
            Ok(state)
        });
        let states = states.collect::<std::result::Result<Vec<State>, std::convert::Infallible>>();
        bar.finish();
        states
    })?;
    drop(leases);
    Ok(layers.into_iter().zip(states).map(|(layer, state)| Verified { layer, state }).collect())
}

fn look(tree: &Path, index: &Path, read: &dyn Fn(u64)) -> State {
    let unknown = |reason: String| State::Unknown { reason };
    let root = match root::open_absolute(tree, Open::Directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return State::Missing,
        Err(error) => return unknown(error.to_string()),
        Ok(root) => root,
    };
    let was = match File::open(index).and_then(|file| Index::from_reader(BufReader::new(file))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return unknown("it has no index".into()),
        Err(error) => return unknown(error.to_string()),
        Ok(index) => index,
    };
    let is = match Index::scan(root.as_fd()) {
        // What cannot be read is damaged, whatever it was.
        Err(error) => {
            let path = userns::chain(&error).join(": ");
            return State::Damaged { differences: vec![Difference { path, what: What::Content }] };
        }
        Ok(index) => index,
    };
    read(is.iter().map(|entry| entry.size).sum());
    let differences: Vec<Difference> = was.diff(&is).take(MOST).map(|change| difference(&change)).collect();
    if differences.is_empty() { State::Whole } else { State::Damaged { differences } }
}

fn difference(change: &Change<'_>) -> Difference {
    let (entry, what) = match change {
        Change::Missing(entry) => (entry, What::Missing),
        Change::Added(entry) => (entry, What::Added),
        Change::Changed { was, is } if (was.content, was.size) != (is.content, is.size) => (is, What::Content),
        Change::Changed { is, .. } => (is, What::Metadata),
    };
    let path = std::ffi::OsStr::from_bytes(entry.path);
    Difference { path: format!("/{}", path.to_string_lossy()), what }
}

fn say(args: &ImageVerify, context: &Context<'_>, verified: &[Verified]) -> Result<()> {
    if args.json {
        return Ok(());
    }
    let mut table = ui::Table::new(&["LAYER", "STATE", "FILE"]);
    for Verified { layer, state } in verified {
        let mut row = |word: &str, style, rest: &str| {
            table.row([layer.short().into(), Cell::new(word, style), rest.to_owned().into()]);
        };
        match state {
            State::Whole => row("whole", Style::Good, ""),
            State::Missing => row("missing", Style::Bad, ""),
            State::Unknown { reason } => row("unknown", Style::Warning, reason),
            State::Damaged { differences } => differences.iter().for_each(|difference| {
                let what = match difference.what {
                    What::Missing => "file missing",
                    What::Added => "file added",
                    What::Content => "content",
                    What::Metadata => "metadata",
                };
                row(what, Style::Bad, &difference.path);
            }),
        }
    }
    context.ui.table(&table)
}
