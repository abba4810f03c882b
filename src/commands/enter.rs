//! `envbox enter`

use std::fmt::Write as _;

use super::{create, live, session};
use crate::cli::Enter;
use crate::context::Context;
use crate::error::Result;
use crate::host::Host;
use crate::recipe;
use crate::ui::Ui;

pub(super) fn run(args: &Enter, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    if !context.store.has_box(&args.name) {
        if args.dry_run {
            ui.line(&format!("create    box `{}` of the image `{}`, then enter it", args.name, args.name))?;
            return Ok(0);
        }
        create::from_image(&context, &args.name, args.name.as_str(), &args.source)?;
    }
    let mut stored = context.store.open_box(&args.name)?;
    if let Some(overlay) = args.source.overlay {
        stored.config.overlay = overlay.into();
    }
    let wish = session::Wish {
        command: &args.command,
        workdir: args.workdir.workdir.as_ref(),
        at_home: args.workdir.no_workdir,
    };
    if args.dry_run {
        let fuse = stored.config.overlay == recipe::Overlay::Fuse;
        let boot = live::plan(&context, &stored, live::agent_path(&context)?, fuse)?;
        let mut text = boot.to_string();
        let _ = writeln!(text, "{}", session::plan(&context, &stored, &wish));
        ui.data(text)?;
        return Ok(0);
    }
    session::run(&context, &stored, &wish)
}
