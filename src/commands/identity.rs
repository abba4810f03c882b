//! The id map of the store: worked out once, and kept with the files it owns.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::userns::{Extent, IdHelpers, IdMap, Identity, IdentityError};

/// `idmap.json`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    map: IdMap,
    /// What `/etc/subuid` and `/etc/subgid` were like; while they are, nobody has to be asked again.
    stamps: [Option<Stamp>; 2],
}

/// A file's inode, size and time of last change: whether it is what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp(u64, u64, i64, i64);

/// The identity under which this user crosses into a namespace.
///
/// # Errors
/// What is missing for that, with the remedy.
pub(super) fn of(context: &Context<'_>) -> Result<Identity> {
    let stamps = ["/etc/subuid", "/etc/subgid"].map(|file| stamp(Path::new(file)));
    let known = recorded(context);
    let helpers = context.host.id_helpers().map_err(IdentityError::NoHelper)?;
    // Root needs nobody's leave for the range it has once taken.
    if let Some(record) = known.as_ref().filter(|known| known.stamps == stamps || helpers == IdHelpers::Direct) {
        return Ok(Identity { map: record.map.clone(), helpers });
    }
    let identity = Identity::of(context.host)?;
    let same = known.as_ref().is_some_and(|old| identity.map.extends(&old.map));
    if let Some(old) = known.filter(|_| !same) {
        check_unused(context, &old.map)?;
    }
    let kept = context.store.keep_map(&Record { map: identity.map.clone(), stamps });
    // Where only the stamps are new, a full disk is no reason to fail: removing boxes may be what is asked for.
    if same { Ok(identity) } else { Ok(kept.map(|()| identity)?) }
}

/// The id map as it is recorded, or would be; nothing is written.
pub(super) fn known(context: &Context<'_>) -> Option<IdMap> {
    recorded(context).map(|record| record.map).or_else(|| Identity::of(context.host).ok().map(|identity| identity.map))
}

fn recorded(context: &Context<'_>) -> Option<Record> {
    fs::read(context.store.map_file()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(Stamp(found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

/// With another map, the files of the store would belong to ids that the boxes do not have.
fn check_unused(context: &Context<'_>, old: &IdMap) -> Result<()> {
    if context.store.is_empty() {
        return Ok(());
    }
    let user = &context.host.user;
    let line = |extents: &[Extent], own| {
        let subordinate = || extents.iter().filter(move |extent| extent.outside != own);
        let start = subordinate().map(|extent| extent.outside).min().unwrap_or_default();
        let end = subordinate().map(|extent| extent.outside + extent.count).max().unwrap_or_default();
        // The user's own id has the place of one of them.
        format!("{}:{start}:{}", user.name, (end - start).next_multiple_of(2))
    };
    Err(Error::new("the subordinate ids of this user have changed, and all boxes belong to the old ones")
        .hint(format!("as root, put the old range back: {} in /etc/subuid", line(&old.uid, user.uid)))
        .hint(format!("and {} in /etc/subgid", line(&old.gid, user.gid)))
        .hint(format!("or begin anew: as root, move {} away", context.store.data().display())))
}
