//! `envbox enter`

use std::fmt::Write as _;

use super::{create, group, identity, limit, live, project, session};
use crate::cli::{Enter, Target};
use crate::context::Context;
use crate::error::Result;
use crate::host::Host;
use crate::plan::What;
use crate::recipe;
use crate::store::StoredBox;
use crate::ui::Ui;

/// The box that is entered outside of projects where none is named.
const USUAL: &str = "debian";

pub(super) fn run(args: &Enter, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let wish = session::Wish {
        what: if args.command.is_empty() { What::Shell } else { What::Command(&args.command) },
        user: args.session.user.as_ref(),
        workdir: args.session.workdir.as_ref(),
        at_home: args.session.no_workdir,
        login: true,
    };
    let options = project::Options::new(&args.source, args.project);
    let meant = project::meant(&context, args.target.as_ref())?;
    let mut stored = match &meant {
        Some((found, environment)) if args.dry_run => {
            let project::Preview { text, stored } = project::preview(&context, found, environment, &options)?;
            ui.line(text.trim_end())?;
            return stored.map_or(Ok(0), |stored| print(&context, &stored, &wish));
        }
        Some((found, environment)) => project::ready(&context, found, environment, &options)?,
        None => {
            let target = args.target.clone().unwrap_or_else(|| Target(USUAL.to_owned()));
            if args.dry_run {
                return plain(&context, &target, args, &wish);
            }
            create::opened(&context, &target, &args.source)?
        }
    };
    limit::for_this_start(&context, &mut stored, &args.limits)?;
    session::run(&context, &stored, &wish)
}

/// Prints what entering a box of no project would do.
fn plain(context: &Context<'_>, target: &Target, args: &Enter, wish: &session::Wish<'_>) -> Result {
    let (name, image) = create::meant(context, target)?;
    if let Some(image) = image {
        context.ui.line(&format!("create    box `{name}` of the image `{image}`, then enter it"))?;
        return Ok(0);
    }
    let mut stored = context.store.open_box(&name)?;
    if let Some(overlay) = args.source.overlay {
        stored.config.overlay = overlay.into();
    }
    stored.config.limits = limit::over(&stored.config.limits, &args.limits)?;
    print(context, &stored, wish)
}

/// Prints the plans of a boot and a session.
fn print(context: &Context<'_>, stored: &StoredBox, wish: &session::Wish<'_>) -> Result {
    let fuse = stored.config.overlay == recipe::Overlay::Fuse;
    let (map, group) = (identity::known(context), group::wanted(&stored.config));
    let boot = live::plan(context, stored, live::agent_path(context)?, map.as_ref(), fuse, group)?;
    let mut text = boot.to_string();
    let _ = writeln!(text, "{}", session::plan(context, stored, wish)?);
    context.ui.line(text.trim_end())?;
    Ok(0)
}
