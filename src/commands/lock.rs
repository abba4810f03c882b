//! `envbox.lock`.

use std::path::Path;

use crate::error::Result;
use crate::recipe::lock::Lock;
use crate::recipe::project::Environment;

/// The lock that a project's box is made by, if it has one.
///
/// # Errors
/// A lock that is not what it should be.
#[expect(clippy::unnecessary_wraps, reason = "reading one can fail")]
pub(super) fn of(_root: &Path, _environment: &Environment) -> Result<Option<Lock>> {
    Ok(None)
}
