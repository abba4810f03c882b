//! What making a project's box ready would do.

use std::fmt::Write as _;

use super::ready::{self, config};
use super::{Found, Options};
use crate::commands::{build, lock};
use crate::context::Context;
use crate::error::Result;
use crate::recipe::project::{As, Environment};
use crate::recipe::settings::Network;
use crate::store::StoredBox;

/// What making a box ready would do, for people: nothing, where it is there.
#[derive(Debug)]
pub(in crate::commands) struct Preview {
    /// The steps, each a line.
    pub(in crate::commands) text: String,
    /// The box with the settings that it would have, if it is there.
    pub(in crate::commands) stored: Option<StoredBox>,
}

/// What [`ready::ready`] would do. Nothing is built, made or written.
///
/// # Errors
/// The store's.
pub(in crate::commands) fn preview(
    context: &Context<'_>,
    found: &Found,
    environment: &Environment,
    options: &Options<'_>,
) -> Result<Preview> {
    let lock = lock::of(context, &found.root, environment, options.locked)?;
    let image = build::known(context, &found.root, environment, lock.as_ref())?;
    let Some(image) = image else {
        return Ok(Preview { text: build(found, environment), stored: None });
    };
    let name = ready::name_of(found, environment, &image)?;
    if !context.store.has_box(&name) {
        let text = format!("create    box `{name}` of the image {}, which is there, then enter it\n", image.short());
        return Ok(Preview { text, stored: None });
    }
    let mut stored = context.store.open_box(&name)?;
    let wanted = config(found, environment)?;
    stored.config = crate::recipe::BoxConfig { overlay: stored.config.overlay, linger: stored.config.linger, ..wanted };
    Ok(Preview { text: format!("box       {name}\n"), stored: Some(stored) })
}

fn build(found: &Found, environment: &Environment) -> String {
    let mut text = format!("build     the image of {}", found.file.display());
    let _ = match &environment.variant {
        Some(variant) => writeln!(text, ", variant `{variant}`"),
        None => writeln!(text),
    };
    let _ = writeln!(text, "from      {}", environment.from);
    if !environment.packages.is_empty() {
        let _ = writeln!(text, "packages  {}", environment.packages.join(" "));
    }
    for copied in &environment.copy {
        let _ = writeln!(text, "copy      {} to {}", copied.from.as_str(), copied.to.as_str());
    }
    for step in &environment.setup {
        let by = if step.by == As::Root { "root" } else { "you" };
        let network = if step.network == Network::None { "without" } else { "with" };
        let lines = step.run.as_str().trim_end().replace('\n', "\n          ");
        let _ = writeln!(text, "run       as {by}, {network} the network: {lines}");
    }
    text.push_str("create    its box, then enter it\n");
    text
}
