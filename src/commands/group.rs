//! The cgroup that a box is to have.

use crate::context::Context;
use crate::error::Result;
use crate::limits::{Ground, Rung, Wanted};
use crate::recipe::BoxConfig;
use crate::recipe::settings::Init;
use crate::store::StoredBox;

/// Whether a box is to have one: a plain application box pays nothing for what it does not need.
pub(super) fn wanted(config: &BoxConfig) -> bool {
    !config.limits.is_empty() || config.init != Init::None
}

/// What it wants of cgroups; nothing where it is to have none, or where there is no ground for it.
///
/// # Errors
/// A box that cannot do without.
pub(super) fn of(context: &Context<'_>, stored: &StoredBox) -> Result<Option<Wanted>> {
    if !wanted(&stored.config) {
        return Ok(None);
    }
    // One of systemd's has to be asked for, for a process that is there already.
    let Some(ground) = Ground::find(context.host).ok().filter(|ground| ground.rung != Rung::UserManager) else {
        return Ok(None);
    };
    let name = context.store.runtime(&stored.name).cgroup_name();
    Ok(Some(Wanted { ground, name, limits: stored.config.limits.clone(), disk: None }))
}
