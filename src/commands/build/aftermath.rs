//! A look at what a failed step has left.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::chain::{Chain, Planned};
use crate::build::{By, Step};
use crate::commands::live::proof;
use crate::commands::{run, session};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image};
use crate::plan::What;
use crate::recipe::{BoxConfig, Overlay};
use crate::store::Staging;
use crate::userns::{self, Identity};

/// Opens a shell in an ephemeral box of the layers below the step, in which what the step has written is what is written
/// in the box. Whoever ran the step is who the shell is.
///
/// # Errors
/// Whatever keeps the box from being made, or from starting.
pub(super) fn look(
    context: &Context<'_>,
    chain: &Chain<'_>,
    planned: &Planned,
    (below, staging): (&[Digest], &Staging),
    (identity, overlay): (&Identity, Overlay),
) -> Result {
    let mut leases = Vec::new();
    for layer in below {
        leases.extend(context.store.lease(layer)?);
    }
    let image = Image { layers: below.to_vec(), ..chain.image() };
    let image = context.store.commit_unnamed(&image, &leases)?;
    let (env, by) = match &planned.step {
        Step::Run { env, by, .. } => (env.clone(), by),
        Step::Packages { env, .. } | Step::Debs { env, .. } => (env.clone(), &By::Root),
        Step::Copy { .. } => (BTreeMap::new(), &By::Root),
    };
    let mut config = BoxConfig::new(chain.recipe.from.clone());
    (config.env, config.home, config.overlay) = (env, chain.recipe.config.home, overlay);
    (config.ephemeral, config.linger) = (true, 0);
    let (name, owned) = run::new_box(context, &config, &image)?;
    drop((image, leases));
    let stored = context.store.open_box(&name)?;
    // In the namespace: a directory can only be moved by who may write to it (rename(2)).
    let (left, upper) = (staging.path().join("layer/fs"), &stored.paths.upper);
    userns::run(&proof()?, identity, |_| fs::rename(&left, upper))?;
    let root = "root".parse().map_err(Error::new)?;
    let (user, at) = (matches!(by, By::Root).then_some(&root), PathBuf::from("/"));
    let wish = session::Wish { what: What::Shell, user, workdir: Some(&at), at_home: false, login: false };
    context.ui.note("a shell in what the step has left; it goes when the shell ends");
    run::in_ephemeral(context, &name, owned, &wish)
}
