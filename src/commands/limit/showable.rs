//! Whether a box can be shown its limits.

use std::fs::OpenOptions;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::settings::{Enforce, View};
use crate::store::StoredBox;

/// What serves the files (fuse(4)).
const DEVICE: &str = "/dev/fuse";

/// A box that is about to be started, with as much of a view as this machine allows. What it does not is said.
///
/// # Errors
/// There is none to be had, and the user wants all or nothing.
pub(in crate::commands) fn showable(context: &Context<'_>, stored: &StoredBox) -> Result<StoredBox> {
    let mut stored = stored.clone();
    if stored.config.limits.seen() == View::None {
        return Ok(stored);
    }
    let Err(error) = OpenOptions::new().read(true).write(true).open(DEVICE) else { return Ok(stored) };
    let why = format!("programs in the box `{}` cannot be shown its limits: {DEVICE}: {error}", stored.name);
    if stored.config.limits.enforce == Some(Enforce::Require) {
        return Err(Error::new(why)
            .hint("as root: modprobe fuse; chmod 0666 /dev/fuse   (a container has to be given the device)")
            .hint("--view none   lets them see the machine"));
    }
    context.ui.note(&format!("limits: {why}"));
    stored.config.limits.view = Some(View::None);
    Ok(stored)
}
