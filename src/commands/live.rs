//! A box that is up: connected to, or started.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{group, identity, limit, provision, settings, sweep, system, world};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::launch::{self, Live, Programs};
use crate::plan::{BootPlan, BootRequest};
use crate::recipe::settings::{Limits, Network};
use crate::recipe::{BoxConfig, Overlay};
use crate::store::{Settings, StoredBox};
use crate::sys::process::SingleThread;
use crate::userns::{IdMap, Identity};
use crate::{net, sys, userns};

/// A box that is up.
#[derive(Debug)]
pub(super) struct Up {
    /// The connection to its keeper.
    pub(super) live: Live,
    /// The limits that are in force there.
    pub(super) limits: Limits,
}

/// Connects to a box, and starts it if it is not up. Of two at once one starts it and the other waits.
///
/// # Errors
/// Whatever keeps the box from starting.
pub(super) fn up(context: &Context<'_>, stored: &StoredBox) -> Result<Up> {
    let runtime = context.store.runtime(&stored.name);
    if let Some(live) = found(context, stored)? {
        let settings = runtime.settings();
        settings.iter().for_each(|before| settings::compare(context, stored, before));
        return Ok(Up { live, limits: settings.map(|settings| settings.limits).unwrap_or_default() });
    }
    let lock = runtime.lock(|| context.ui.note("waiting for another envbox that is starting or stopping this box"))?;
    if let Some(live) = found(context, stored)? {
        return Ok(Up { live, limits: runtime.limits() });
    }
    // While this process waited, the box may have been removed, and another one made of its name.
    let there = context.store.open_box(&stored.name)?;
    let config = BoxConfig { limits: there.config.limits.clone(), ..stored.config.clone() };
    let settings = Settings { config, limits: stored.config.limits.clone() };
    let stored = &StoredBox { config: stored.config.clone(), ..there };
    let identity = identity::of(context)?;
    sweep::abandoned(context, &identity);
    group::clear(context, &stored.name)?;
    runtime.record_settings(&settings)?;
    // Held until the box has it: an agent of a build that is not this one's is garbage otherwise.
    let (agent, _lease) = agent(context, &identity)?;
    let _made = world::make(context, stored)?;
    let proof = proof()?;
    let group = group::of(context, stored)?;
    let stored = &limit::showable(context, stored)?;
    let start = |fuse: Option<PathBuf>| -> Result<Live> {
        let mut plan = plan(context, stored, agent.clone(), Some(&identity.map), fuse.is_some(), group.is_some())?;
        plan.init.iter_mut().for_each(|init| init.bounds = group::bounds(stored, group.as_ref()));
        let mut trace = |step: &str| context.ui.step(step);
        let trace = context.ui.shows_steps().then_some(&mut trace as &mut dyn FnMut(&str));
        let programs = Programs { fuse, network: network_program(context, stored)?, group: group.clone() };
        launch::boot(&proof, &identity, &plan, (&runtime, &lock), &programs, trace).map_err(|error| {
            match (&plan.init, error) {
                (Some(init), launch::Error::Ending) => system::ended(context, stored, init),
                (_, error) => error.into(),
            }
        })
    };
    let live = on_overlay(context, stored.config.overlay, start).inspect_err(|_| {
        // The first failure is the one to be told of.
        let _ = group::clear(context, &stored.name);
    })?;
    Ok(Up { live, limits: settings.limits })
}

/// A box that is up, and is to stay so: one that is about to end is waited for, and so is its next init.
///
/// # Errors
/// As [`launch::connect`].
pub(super) fn found(context: &Context<'_>, stored: &StoredBox) -> Result<Option<Live>> {
    let mut live = launch::connect(&context.store.runtime(&stored.name))?;
    while let Some(ending) = live.take_if(|live| live.is_ending()) {
        context.ui.note(&format!("waiting for the end of what runs in `{}`", stored.name));
        live = ending.await_next()?;
    }
    Ok(live)
}

/// Does what takes an overlay with the one that is asked for: the kernel's, or a program for fuse-overlayfs.
///
/// # Errors
/// What `start` says; that fuse-overlayfs is missing.
pub(super) fn on_overlay<T>(
    context: &Context<'_>,
    overlay: Overlay,
    mut start: impl FnMut(Option<PathBuf>) -> Result<T>,
) -> Result<T> {
    match overlay {
        Overlay::Kernel => start(None),
        Overlay::Fuse => start(Some(fuse_overlayfs(context)?)),
        Overlay::Auto => match start(None) {
            Err(error) if error.is_overlay() => match fuse_overlayfs(context) {
                Ok(program) => {
                    context.ui.note("the kernel's overlay does not work here: using fuse-overlayfs");
                    start(Some(program))
                }
                Err(_) => Err(error.hint("install fuse-overlayfs, which can do without the kernel's overlay")),
            },
            outcome => outcome,
        },
    }
}

/// The program that serves the box's network, where it needs one.
fn network_program(context: &Context<'_>, stored: &StoredBox) -> Result<Option<PathBuf>> {
    if stored.config.network != Network::Private {
        return Ok(None);
    }
    let program = context.host.find_program(net::NAME).ok_or_else(|| {
        Error::new(net::Error::NoProgram(net::NAME))
            .hint("as root: apt-get install slirp4netns   (dnf, apk, pacman have it under the same name)")
            .hint("or give the box the host's network: `network: host`")
    });
    program.map(Some)
}

fn fuse_overlayfs(context: &Context<'_>) -> Result<PathBuf> {
    context.host.find_program("fuse-overlayfs").ok_or_else(|| {
        Error::new("fuse-overlayfs is not installed")
            .hint("as root: apt-get install fuse-overlayfs   (dnf, apk, pacman have it under the same name)")
    })
}

/// Plans the boot of a box. `map` is the id map, where there is one.
///
/// # Errors
/// What the box's configuration names and cannot be in a box.
pub(super) fn plan(
    context: &Context<'_>,
    stored: &StoredBox,
    agent: PathBuf,
    map: Option<&IdMap>,
    fuse: bool,
    group: bool,
) -> Result<BootPlan> {
    let paths = &stored.paths;
    let world = world::of(context, stored, map)?;
    // What its first start writes into every box. After that, its files are the user's.
    let started = paths.upper.join("etc").exists();
    let changes = if started { Vec::new() } else { provision::mirrored(context, &stored.image)? };
    Ok(BootPlan::new(&BootRequest {
        name: &stored.name,
        config: &stored.config,
        user: &context.host.user,
        machines_root: context.host.is_machines_root(),
        layers: paths.layers.clone(),
        upper: paths.upper.clone(),
        work: paths.work.clone(),
        root: paths.root.clone(),
        fuse,
        home: paths.home.clone(),
        hidden: world.hidden,
        nested: world.nested,
        project: world.project,
        mounts: world.mounts,
        shares: &world.shares,
        agent,
        changes: &changes,
        init: system::init(context, stored)?,
        group,
    })?)
}

/// Proof that this process may fork.
///
/// # Errors
/// A thread that something has left running.
pub(super) fn proof() -> Result<SingleThread> {
    SingleThread::prove().map_err(|error| Error::new(format!("cannot make a namespace: {error}")))
}

/// Where this build's agent is, or will be.
pub(super) fn agent_path(context: &Context<'_>) -> Result<PathBuf> {
    Ok(context.store.agent_dir(&build()?).join("envbox"))
}

/// What tells this build's agent from those of others.
pub(super) fn build() -> Result<String> {
    let exe = fs::metadata("/proc/self/exe").map_err(Error::new)?;
    // Two builds that are told apart by neither are one for all that matters here.
    Ok(format!("{}-{}-{}", env!("CARGO_PKG_VERSION"), exe.size(), exe.mtime()))
}

/// This program, as boxes have it: owned by box-root and setuid. Made when a new build starts its first box.
fn agent(context: &Context<'_>, identity: &Identity) -> Result<(PathBuf, File)> {
    let (path, build) = (agent_path(context)?, build()?);
    loop {
        if let Some(lease) = context.store.lease_agent(&build)?.filter(|_| path.exists()) {
            return Ok((path, lease));
        }
        make_agent(context, identity, &path)?;
    }
}

fn make_agent(context: &Context<'_>, identity: &Identity, path: &Path) -> Result<()> {
    let exe = File::open("/proc/self/exe").map_err(Error::new)?;
    let staging = context.store.stage()?;
    let staged = staging.agent()?;
    let copied = userns::run(&proof()?, identity, |_| {
        let copied = || {
            let mut copy = File::create_new(&staged)?;
            std::io::copy(&mut &exe, &mut copy)?;
            copy.sync_data()?;
            sys::fs::set_mode(&copy, 0o4755)
        };
        copied().map_err(NotCopied)
    });
    if let Err(error) = copied {
        drop(staging);
        sweep::abandoned(context, identity);
        return Err(error.into());
    }
    Ok(context.store.commit_agent(&staging, path)?)
}

#[derive(Debug, thiserror::Error)]
#[error("cannot copy this program, which boxes have as their sudo, into the store")]
struct NotCopied(#[source] std::io::Error);
