//! Who crosses into the namespace, and how.

use super::{IdMap, split};
use crate::host::{self, Host, NoSubIds, User};
pub use crate::host::{IdHelpers, Range, SubIds};

/// An id map, and who can write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The map.
    pub map: IdMap,
    /// Who writes it.
    pub helpers: IdHelpers,
}

/// Why a user can have no map.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// `newuidmap` or `newgidmap` is not there.
    #[error("{0} is not installed: without it only root can give a box its user ids")]
    NoHelper(&'static str),
    /// No range of subordinate ids that would do.
    #[error(transparent)]
    SubIds(#[from] NoSubIds),
}

impl Identity {
    /// Works out the map of the host's user.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn of(host: &Host) -> Result<Self, IdentityError> {
        let helpers = host.id_helpers().map_err(IdentityError::NoHelper)?;
        let ids = match helpers {
            IdHelpers::Direct => of_root(&host.user),
            IdHelpers::Programs { .. } => SubIds::of(&host.user)?,
        };
        Ok(Self { map: IdMap::keep_id(host.user.uid, host.user.gid, &ids), helpers })
    }
}

/// Root's ranges, if they are there: in a container, which has some ids and not all, they may not be, and a part of what is
/// there has to do.
fn of_root(user: &User) -> SubIds {
    let wanted = SubIds::of_root(user);
    let there = |file, wanted: Range, own| {
        let ids = host::mapped(file);
        if Range::cover(&ids, wanted) { wanted } else { split::given(&ids, own).unwrap_or(wanted) }
    };
    SubIds { uid: there("uid_map", wanted.uid, user.uid), gid: there("gid_map", wanted.gid, user.gid) }
}
