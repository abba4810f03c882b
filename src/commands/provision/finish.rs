//! What a recipe wants done to a fresh tree, whatever its source: files changed, commands run.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::Made;
use crate::cli;
use crate::commands::live::{self, proof};
use crate::commands::{identity, layer, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image, LayerRecord};
use crate::launch::{self, Program};
use crate::plan::{self, HostPath, Step};
use crate::recipe::{Change, Overlay, Resolved, Setup};
use crate::store::Staging;
use crate::userns::Identity;

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Finish<'a> {
    files: &'a [Change],
    setup: &'a [Setup],
}

impl<'a> Finish<'a> {
    /// What this recipe wants.
    pub(super) fn of(recipe: &'a Resolved) -> Self {
        Self { files: &recipe.files, setup: &recipe.setup }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_nothing(&self) -> bool {
        self.files.is_empty() && self.setup.is_empty()
    }

    /// Names what comes of it when it is done to what has this name.
    pub(super) fn name_on(&self, tree: &Digest) -> Digest {
        if self.is_nothing() {
            return *tree;
        }
        Digest::of(serde_json::json!({ "on": tree, "finish": self }).to_string().as_bytes())
    }

    /// Does it to the tree of a staged layer.
    ///
    /// # Errors
    /// A file that cannot be changed, or a command that fails, with the end of its output.
    pub(super) fn tree(&self, context: &Context<'_>, identity: &Identity, staging: &Staging) -> Result<()> {
        let root = Step::Directory { root: HostPath(staging.layer()?) };
        self.root(context, identity, staging, (&root, None))
    }

    /// Does it in a root, whose changes are to become the staged layer's.
    fn root(
        &self,
        context: &Context<'_>,
        identity: &Identity,
        staging: &Staging,
        (root, fuse): (&Step, Option<&Path>),
    ) -> Result<()> {
        if self.is_nothing() {
            return Ok(());
        }
        // What was known of the tree will no longer hold.
        match fs::remove_file(staging.layer_index()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::new(error)),
            _ => {}
        }
        let plan = plan::changes(root.clone(), self.files).map_err(Error::new)?;
        launch::carry_out(&proof()?, identity, &plan, fuse, || Ok::<_, io::Error>(()))?;
        self.set_up(context, identity, root, fuse)
    }

    /// Runs the commands, each as root of the user namespace.
    fn set_up(&self, context: &Context<'_>, identity: &Identity, root: &Step, fuse: Option<&Path>) -> Result<()> {
        let env = [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/root")];
        let env = env.map(|(name, value)| (name.into(), value.into()));
        let plan = plan::bootstrap(root.clone(), None).map_err(Error::new)?;
        for step in self.setup {
            context.ui.note(&format!("setting up: {}", step.run));
            let mut output = |bytes: &[u8]| told(context, bytes);
            let program = Program { argv: &["/bin/sh", "-c", &step.run], env: &env, user: None, network: true };
            launch::run_in(&proof()?, identity, &plan, fuse, &program, &mut output)?;
        }
        Ok(())
    }

    /// Does it to an image, as a layer of its own on top of the image's, which others may have as well. The image is no
    /// longer the one that was published then.
    ///
    /// # Errors
    /// As [`Finish::tree`]; that there is no overlay.
    pub(super) fn image(
        &self,
        context: &Context<'_>,
        (image, mut layers): Made,
        options: &cli::Source,
    ) -> Result<Made> {
        if self.is_nothing() {
            return Ok((image, layers));
        }
        let below: Vec<String> = image.layers.iter().map(ToString::to_string).collect();
        let name = self.name_on(&Digest::of(below.join(" ").as_bytes()));
        let top = match context.store.lease(&name)? {
            Some(layer) => layer,
            None => {
                let identity = identity::of(context)?;
                let _janitor = sweep::afterwards(context, &identity)?;
                let staging = context.store.stage()?;
                live::on_overlay(context, options.overlay.map_or(Overlay::Auto, Into::into), |fuse| {
                    let root = layer::on_others(context, &image.layers, &staging, fuse.is_some())?;
                    self.root(context, &identity, &staging, (&root, fuse.as_deref()))
                })?;
                let size = layer::seal(context, &identity, &staging, options.no_share)?;
                let made = serde_json::json!({ "on": image.layers, "finish": self });
                let record = LayerRecord { diff_id: None, blob: None, size: Some(size), made };
                context.store.commit_layer(&staging, &name, &record)?
            }
        };
        layers.push(top);
        let all = image.layers.iter().copied().chain([name]).collect();
        Ok((Image { layers: all, published: None, ..image }, layers))
    }
}

/// Shows what a program prints to a user who wants to know.
pub(super) fn told(context: &Context<'_>, printed: &[u8]) {
    if !printed.is_empty() {
        context.ui.step(String::from_utf8_lossy(printed).trim_end());
    }
}
