//! `envbox build`, and the images of projects for whoever needs one.

mod aftermath;
mod chain;
mod copied;
mod engine;
mod failed;
mod normalised;
mod packages;
mod remote;
mod show;
mod system;
mod written;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use chain::{Chain, Whose};
use engine::Engine;
pub(super) use system::on;

use super::project::{self, From, from};
use super::{lock, provision, trust};
use crate::cli::{self, Build};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::image::Digest;
use crate::recipe::Machine;
use crate::recipe::lock::{Lock, Locked, Versions};
use crate::recipe::project::{Environment, FILE};
use crate::store::{ImageLease, NameLock};
use crate::ui::Ui;

/// How an image is to be built.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    /// Every step is carried out, whatever layers there are.
    pub(super) anew: bool,
    /// Where a step fails, the user gets a shell in the root as it has left it.
    pub(super) shell_on_failure: bool,
}

/// What was built, as `build --json` has it.
#[derive(Debug, Serialize)]
struct Built<'a> {
    image: Digest,
    name: &'a str,
    title: &'a str,
    layers: &'a [Digest],
}

pub(super) fn run(args: &Build, host: &Host, ui: &Ui) -> Result {
    let context = &Context::open(host, ui)?;
    let found = project::find(context)?.ok_or_else(|| project::none(context))?;
    let environment = found.environment(args.variant.as_deref())?;
    trust::ensure(context, &found.root, &environment, args.project.yes)?;
    let how = project::Options::new(&args.source, args.project);
    let lock = lock::settled(context, &found.root, &environment, &how)?;
    let options = Options { anew: args.no_cache, shell_on_failure: args.shell_on_failure };
    let image = image(context, &found.root, &environment, lock.as_ref(), &args.source, &options)?;
    if args.json {
        let name = chain::name(&found.root.join(FILE), args.variant.as_deref());
        let (title, layers) = (&image.image().provenance.title, &image.image().layers);
        ui.json(&Built { image: image.digest(), name: &name, title, layers })?;
    }
    Ok(0)
}

/// The image of a project, if the store has all of it. Nothing is locked, fetched, made or run, and nobody is asked.
///
/// # Errors
/// What is wrong with the recipe or the files that it copies; the store's.
pub(super) fn known(
    context: &Context<'_>,
    root: &Path,
    recipe: &Environment,
    lock: Option<&Lock>,
) -> Result<Option<Digest>> {
    let locked = locked(lock, recipe);
    known_at(&Project { context, root }, &root.join(FILE), (recipe, locked), &mut Vec::new())
}

/// The image of a project, which stays in the store while what is returned is held. Layers that are missing are made.
///
/// # Errors
/// Whatever keeps it from being made: the store is as it was then, but for the layers that were made by then.
pub(super) fn image(
    context: &Context<'_>,
    root: &Path,
    recipe: &Environment,
    project_lock: Option<&Lock>,
    source: &cli::Source,
    options: &Options,
) -> Result<ImageLease> {
    let project = Project { context, root };
    let locked = locked(project_lock, recipe);
    if !options.anew
        && let Some(digest) = known(context, root, recipe, project_lock)?
        && let Some(image) = context.store.lease_image(&digest)?
    {
        let name = chain::name(&root.join(FILE), recipe.variant.as_deref());
        // It may have been another branch's in the meantime.
        if context.store.resolve(&name)?.is_none_or(|named| named.digest() != digest) {
            context.store.tag(&lock(context, &name)?, &image)?;
        }
        context.ui.note(&format!("{name}: all in the store"));
        return Ok(image);
    }
    image_at(&project, &root.join(FILE), (recipe, locked), (source, options), &mut Vec::new())
}

/// What a lock has for a recipe here.
fn locked<'a>(lock: Option<&'a Lock>, recipe: &Environment) -> Option<&'a Locked> {
    lock?.on(Machine::here())?.of(recipe.variant.as_deref())
}

/// A project, in which one recipe may be made from another.
struct Project<'a> {
    context: &'a Context<'a>,
    root: &'a Path,
}

/// Goes from a recipe to the one that it is made from.
///
/// # Errors
/// A recipe that is made from itself in the end.
fn descend(file: &Path, above: &mut Vec<PathBuf>) -> Result<()> {
    let seen = above.iter().any(|seen| seen == file);
    above.push(file.to_owned());
    if seen {
        let names: Vec<String> = above.iter().map(|file| file.display().to_string()).collect();
        return Err(Error::new(format!("a recipe is made from itself: {}", names.join(", from "))));
    }
    Ok(())
}

fn known_at(
    project: &Project<'_>,
    file: &Path,
    (recipe, locked): (&Environment, Option<&Locked>),
    above: &mut Vec<PathBuf>,
) -> Result<Option<Digest>> {
    let Project { context, root } = project;
    descend(file, above)?;
    let base = match from(root, file.parent().unwrap_or(root), &recipe.from)? {
        From::Image(name) => match locked {
            Some(locked) => provision::known_locked(context, &name, &locked.base)?,
            None => provision::known(context, &name, &cli::Source::default())?,
        },
        From::Recipe(other) => {
            let recipe = project::recipe(context.host, root, &other)?;
            match known_at(project, &other, (&recipe, locked.and_then(Locked::below)), above)? {
                Some(digest) => context.store.lease_image(&digest)?,
                None => None,
            }
        }
    };
    let Some(base) = base else { return Ok(None) };
    let anew = context.store.anew(&chain::name(file, recipe.variant.as_deref()));
    let mut remote = |copied: &_| Ok(remote::known(context, copied));
    let pinned = locked.map_or_else(|| recipe.clone(), |locked| locked.pin(recipe));
    let whose = Whose::project(file, recipe.variant.as_deref());
    let chain = Chain::new(context, whose, (&pinned, locked), base, anew.as_deref(), &mut remote)?;
    let Some(chain) = chain else { return Ok(None) };
    let digest = chain.image().digest();
    Ok(context.store.has_image(&digest)?.then_some(digest))
}

fn image_at(
    project: &Project<'_>,
    file: &Path,
    (recipe, locked): (&Environment, Option<&Locked>),
    (source, options): (&cli::Source, &Options),
    above: &mut Vec<PathBuf>,
) -> Result<ImageLease> {
    let Project { context, .. } = project;
    let base = base_at(project, file, (recipe, locked), (source, options), above)?;
    let anew = match options.anew {
        true => Some(now()),
        false => context.store.anew(&chain::name(file, recipe.variant.as_deref())),
    };
    let mut remote = |copied: &_| remote::digest(context, copied, source, options.anew).map(Some);
    let pinned = locked.map_or_else(|| recipe.clone(), |locked| locked.pin(recipe));
    let whose = Whose::project(file, recipe.variant.as_deref());
    let chain = Chain::new(context, whose, (&pinned, locked), base, anew.as_deref(), &mut remote)?;
    let chain = chain.ok_or_else(|| Error::new("it is not known what a step copies"))?;
    carried_out(context, &chain, (source, options), anew.as_deref())
}

/// The image of a chain, whose layers are made where they are missing.
fn carried_out(
    context: &Context<'_>,
    chain: &Chain<'_>,
    (source, options): (&cli::Source, &Options),
    anew: Option<&str>,
) -> Result<ImageLease> {
    let made = Engine::new(context, source, options).layers(chain)?;
    let mut leases = made.leases;
    for layer in &chain.base.image().layers {
        leases.extend(context.store.lease(layer)?);
    }
    let lock = lock(context, &chain.name)?;
    let image = context.store.commit_image(&lock, &chain.image(), &leases)?;
    if let Some(anew) = anew.filter(|_| options.anew) {
        context.store.keep_anew(&lock, anew)?;
    }
    let layers = match chain.steps.len() {
        1 => "1 layer".to_owned(),
        number => format!("{number} layers"),
    };
    context.ui.note(&format!("{}: {layers}, {} from the store", chain.name, made.known));
    Ok(image)
}

/// The image that a recipe is made from.
fn base_at(
    project: &Project<'_>,
    file: &Path,
    (recipe, locked): (&Environment, Option<&Locked>),
    how: (&cli::Source, &Options),
    above: &mut Vec<PathBuf>,
) -> Result<ImageLease> {
    let Project { context, root } = project;
    descend(file, above)?;
    match from(root, file.parent().unwrap_or(root), &recipe.from)? {
        From::Image(name) => match locked {
            Some(locked) => provision::locked(context, &name, &locked.base, how.0),
            None => provision::image(context, &name, how.0),
        },
        From::Recipe(other) => {
            let recipe = project::recipe(context.host, root, &other)?;
            trust::ensure_again(context, root, &recipe)?;
            image_at(project, &other, (&recipe, locked.and_then(Locked::below)), how, above)
        }
    }
}

fn lock(context: &Context<'_>, name: &str) -> Result<NameLock> {
    Ok(context.store.lock_name(name, || context.ui.note("waiting for another envbox that is building this"))?)
}

/// What no two builds have in common.
fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09} {}", since.as_secs(), since.subsec_nanos(), std::process::id())
}

/// The packages that a recipe's package manager installs now on what is locked below it, and nothing else of the recipe.
/// They are installed, and left behind. Nothing, where the package manager cannot say which versions it has.
///
/// # Errors
/// As of [`image`].
pub(super) fn resolved(
    context: &Context<'_>,
    (root, file): (&Path, &Path),
    (recipe, locked): (&Environment, &Locked),
    source: &cli::Source,
) -> Result<Option<Versions>> {
    let (project, options) = (Project { context, root }, Options::default());
    let base = base_at(&project, file, (recipe, Some(locked)), (source, &options), &mut Vec::new())?;
    let recipe = Environment { copy: Vec::new(), setup: Vec::new(), ..recipe.clone() };
    let whose = Whose::project(file, recipe.variant.as_deref());
    let chain = Chain::new(context, whose, (&recipe, None), base, None, &mut |_| Ok(None))?;
    chain.map_or(Ok(None), |chain| Engine::new(context, source, &options).resolved(&chain))
}
