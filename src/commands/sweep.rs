//! Deleting what belongs to subordinate ids, which only box-root can do.

use std::ffi::OsStr;
use std::os::fd::AsFd as _;

use super::janitor::Janitor;
use super::live::proof;
use super::{group, identity, remove};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::store::Staging;
use crate::sys::root::{self, Open};
use crate::sys::tree;
use crate::userns;
use crate::userns::Identity;

/// Deletes what processes that are gone have left: cgroups, throw-away boxes, and whatever is in `staging/`. Whatever cannot be
/// deleted is said and left alone: it is in nobody's way.
pub(super) fn abandoned(context: &Context<'_>, identity: &Identity) {
    group::clear_dead(context);
    for name in context.store.orphaned_boxes() {
        if let Err(error) = remove::remove(context, &name, true) {
            say(context, &format!("cannot remove the box {name}"), &error);
        }
    }
    let result = context.store.abandoned().map_err(Into::into).and_then(|found| delete(&found, identity));
    if let Err(error) = result {
        say(context, "cannot delete what is left in staging", &error);
    }
}

fn say(context: &Context<'_>, what: &str, error: &Error) {
    let texts: Vec<String> = error.chain().map(ToString::to_string).collect();
    context.ui.warning(&format!("{what}: {}", texts.join(": ")));
}

/// [`abandoned`], where nothing else has called for an identity yet: only if there is anything to delete.
///
/// # Errors
/// Where what there is cannot be deleted for want of an identity.
pub(super) fn if_needed(context: &Context<'_>) -> Result<()> {
    group::clear_dead(context);
    if context.store.has_abandoned() || !context.store.orphaned_boxes().is_empty() {
        abandoned(context, &identity::of(context)?);
    }
    Ok(())
}

/// Deletes what has been left behind, and has the same done again when this process is done, or gone.
///
/// # Errors
/// Where nothing can be forked.
pub(super) fn afterwards(context: &Context<'_>, identity: &Identity) -> Result<Janitor> {
    abandoned(context, identity);
    Janitor::hire(context, || {
        abandoned(context, identity);
        Ok(())
    })
}

/// Deletes staging directories and everything in them.
///
/// # Errors
/// The first failure; what was left is swept another time.
fn delete(rubbish: &[Staging], identity: &Identity) -> Result<()> {
    if rubbish.is_empty() {
        return Ok(());
    }
    userns::run(&proof()?, identity, |_| -> std::io::Result<()> {
        rubbish.iter().try_for_each(|staging| {
            let parent = staging.path().parent().ok_or(std::io::ErrorKind::InvalidInput)?;
            let parent = root::open_absolute(parent, Open::Directory)?;
            tree::remove(parent.as_fd(), staging.path().file_name().unwrap_or(OsStr::new("")))
        })
    })?;
    Ok(())
}
