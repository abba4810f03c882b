//! Who crosses into the namespace, and how.

use super::IdMap;
pub use crate::host::IdHelpers;
use crate::host::{Host, NoSubIds, SubIds};

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
            IdHelpers::Direct => SubIds::of_root(&host.user),
            IdHelpers::Programs { .. } => SubIds::of(&host.user)?,
        };
        let map = IdMap::keep_id(host.user.uid, host.user.gid, ids.uid.start, ids.gid.start);
        Ok(Self { map, helpers })
    }
}
