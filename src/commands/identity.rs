//! The id map of the store: worked out once, and kept with the files it owns.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::userns::Identity;
use crate::userns::{IdHelpers, IdMap, IdentityError};

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
    let path = context.store.map_file();
    let stamps = ["/etc/subuid", "/etc/subgid"].map(|file| stamp(Path::new(file)));
    let known: Option<Record> = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
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

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(Stamp(found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

/// With another map, the files of the store would belong to ids that the boxes do not have.
fn check_unused(context: &Context<'_>, old: &IdMap) -> Result<()> {
    if context.store.is_empty() {
        return Ok(());
    }
    let start = |extents: &[crate::userns::Extent]| extents.first().map_or(0, |extent| extent.outside);
    let user = &context.host.user.name;
    Err(Error::new("the subordinate ids of this user have changed, and all boxes belong to the old ones")
        .hint(format!("as root, put the old range back: {user}:{}:65536 in /etc/subuid", start(&old.uid)))
        .hint(format!("and {user}:{}:65536 in /etc/subgid", start(&old.gid)))
        .hint(format!("or begin anew: as root, move {} away", context.store.data().display())))
}
