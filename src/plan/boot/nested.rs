//! What a box has so that there can be boxes in it.

use std::path::{Path, PathBuf};

use super::BootRequest;
use super::mounts::Entry;
use crate::host::SubIds;
use crate::plan::{BoxPath, HostPath, Kind, Step};

/// The ids and the directories for boxes inside a box.
#[derive(Debug, Clone)]
pub struct Nested {
    /// The ids, as the box has them.
    pub ids: SubIds,
    /// Where the user's envbox looks for its store and its cache: on the host and, by the same variables, in the box.
    pub places: [PathBuf; 2],
    /// The directories of the box's own that are there.
    pub dirs: [PathBuf; 2],
    /// The same for box-root's store.
    pub roots: PathBuf,
}

/// Where box-root's envbox has its store.
const ROOTS: &str = "/root/.local/share/envbox";

/// The steps that come before the user's world.
pub(super) fn steps(request: &BootRequest<'_>) -> Vec<Step> {
    let mut users = vec![(request.user.name.clone(), request.user.uid)];
    if request.user.uid != 0 {
        users.push(("root".to_owned(), 0));
    }
    let ids = request.nested.as_ref().map(|nested| Step::SubIds { users, ids: nested.ids });
    let programs = Step::Programs { offered: request.nested.is_some() };
    ids.into_iter().chain([programs]).collect()
}

/// The stores of envboxes in the box.
pub(super) fn entries(request: &BootRequest<'_>) -> Vec<Entry> {
    let Some(nested) = &request.nested else { return Vec::new() };
    let own = (request.user.uid, request.user.gid);
    let users = nested.places.iter().zip(&nested.dirs).map(|(at, from)| (at.as_path(), from, own));
    let roots = (Path::new(ROOTS), &nested.roots, (0, 0));
    let all = users.chain((request.user.uid != 0).then_some(roots));
    all.filter_map(|(at, from, owner)| {
        let at = BoxPath::new(at).ok()?;
        let place = Step::MountPoint { at: at.clone(), kind: Kind::Directory, owner };
        let store = Step::Nested { from: HostPath(from.clone()), at: at.clone(), owner };
        Some(Entry { at, steps: vec![place, store] })
    })
    .collect()
}
