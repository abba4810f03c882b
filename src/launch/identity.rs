//! Who crosses into the namespace, and how.

use crate::host::IdHelpers;
use crate::userns::IdMap;

/// The id map of a store, and who can write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The map.
    pub map: IdMap,
    /// Who writes it.
    pub helpers: IdHelpers,
}
