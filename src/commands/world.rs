//! What of the host's a box is to have: the facts that a plan is made of.

use std::fs;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::host;
use crate::plan::{self, Cause, Kind, Nested, NoBoot, Shared, Source, display};
use crate::recipe::settings::{Home, Init, Mount, Share};
use crate::recipe::{BoxConfig, Origin};
use crate::store::{StoredBox, VolumeOwner};
use crate::userns::IdMap;

/// The facts. A box that has nothing but the home costs no look at anything.
#[derive(Debug)]
pub(super) struct World {
    /// See [`plan::BootRequest::hidden`].
    pub(super) hidden: Vec<PathBuf>,
    /// See [`plan::BootRequest::nested`].
    pub(super) nested: Option<Nested>,
    /// See [`plan::BootRequest::project`].
    pub(super) project: Option<Source>,
    /// See [`plan::BootRequest::mounts`].
    pub(super) mounts: Vec<Option<Source>>,
    /// See [`plan::BootRequest::shares`].
    pub(super) shares: Vec<Shared>,
}

/// Looks at whatever a box's configuration names. `map` is the id map, where there is one.
///
/// # Errors
/// What the host does not have.
pub(super) fn of(context: &Context<'_>, stored: &StoredBox, map: Option<&IdMap>) -> Result<World> {
    let config = &stored.config;
    let mut hidden = context.hidden();
    if config.project.is_some() || !config.mounts.is_empty() {
        let dirs = &context.host.dirs;
        hidden.extend(host::places(&[&dirs.data, &dirs.cache])?);
        hidden.sort_unstable();
        hidden.dedup();
    }
    let project = config.project.as_ref().map(project).transpose()?;
    let mounts = config.mounts.iter().enumerate().map(|(index, mount)| {
        source(context, stored, mount).map_err(|cause| NoBoot::mount(config, index, cause).into())
    });
    let mounts = mounts.collect::<Result<_>>()?;
    let nested = nested(context, stored, map);
    Ok(World { hidden, nested, project, mounts, shares: shares(context, config) })
}

/// What is there for boxes in the box, if it may have any and has ids for them.
fn nested(context: &Context<'_>, stored: &StoredBox, map: Option<&IdMap>) -> Option<Nested> {
    let (user, dirs) = (&context.host.user, &context.host.dirs);
    let ids = map.filter(|_| stored.config.nesting)?.given(user.uid, user.gid)?;
    let [data, cache, roots] = stored.paths.nested.clone();
    Some(Nested { ids, places: [dirs.data.clone(), dirs.cache.clone()], dirs: [data, cache], roots })
}

/// Makes what a box needs in the store and does not bring along: volumes, and the upper directory of its home. What is
/// returned is held until the box has them.
///
/// # Errors
/// The store's.
pub(super) fn make(context: &Context<'_>, stored: &StoredBox) -> Result<Option<fs::File>> {
    let config = &stored.config;
    if config.home == Home::Overlay {
        context.store.make_home(&stored.paths)?;
    }
    if config.nesting {
        context.store.make_nested(&stored.paths)?;
    }
    let names: Vec<&str> = config.mounts.iter().filter_map(cache).collect();
    if names.is_empty() {
        return Ok(None);
    }
    Ok(Some(context.store.make_volumes(&VolumeOwner::of(&stored.name, config), &names)?))
}

fn cache(mount: &Mount) -> Option<&str> {
    match mount {
        Mount::Cache { name, .. } => Some(name),
        Mount::Bind { .. } | Mount::Tmpfs { .. } => None,
    }
}

fn project(origin: &Origin) -> Result<Source> {
    let gone = |cause| NoBoot::Project { root: origin.root.clone(), cause };
    let source = look(&origin.root).map_err(|cause| Error::from(gone(cause)))?;
    match source.kind {
        _ if source.path != origin.root => Err(gone(Cause::Moved(origin.root.clone())).into()),
        Kind::Directory => Ok(source),
        Kind::File => Err(gone(Cause::Missing(origin.root.clone())).into()),
    }
}

fn source(context: &Context<'_>, stored: &StoredBox, mount: &Mount) -> std::result::Result<Option<Source>, Cause> {
    let config = &stored.config;
    match mount {
        Mount::Bind { from, .. } => {
            let home = &context.host.user.home;
            let path = match (from.strip_prefix("~/"), &config.project) {
                (Some(rest), _) => home.join(rest),
                (None, _) if from == "~" => home.clone(),
                (None, Some(origin)) => origin.root.join(from),
                (None, None) if Path::new(from).is_absolute() => from.into(),
                (None, None) => return Err(Cause::Relative(from.clone())),
            };
            match look(&path)? {
                // What a project's box may have was written down as where it led when the user agreed.
                source if config.project.is_some() && source.path != path => Err(Cause::Moved(path)),
                source => Ok(Some(source)),
            }
        }
        Mount::Cache { name, .. } => {
            let path = context.store.volume(&VolumeOwner::of(&stored.name, config), name);
            Ok(Some(Source { path, kind: Kind::Directory }))
        }
        Mount::Tmpfs { .. } => Ok(None),
    }
}

/// What is at a path, with no link in it.
fn look(path: &Path) -> std::result::Result<Source, Cause> {
    let real = fs::canonicalize(path).map_err(|_| Cause::Missing(path.to_owned()))?;
    let kind = if real.is_dir() { Kind::Directory } else { Kind::File };
    Ok(Source { path: real, kind })
}

/// The sockets of the caller's session that a box is to have.
pub(super) fn shares(context: &Context<'_>, config: &BoxConfig) -> Vec<Shared> {
    if config.share.is_empty() {
        return Vec::new();
    }
    let number = context.host.var("DISPLAY").and_then(display);
    let wanted = plan::wanted(&config.share, context.host, config.init != Init::None).into_iter().map(|wanted| {
        let socket = host::socket(&wanted.candidates);
        let cookie = wanted.cookie.as_deref().and_then(host::cookie);
        let cookie = match (wanted.share, number) {
            (Share::X11, Some(number)) => cookie.map(|file| plan::cookies(&file, number)),
            _ => cookie,
        };
        Shared { wanted, socket, cookie }
    });
    wanted.collect()
}
