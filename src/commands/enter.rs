//! `envbox enter`

use std::fmt::Write as _;

use super::{create, live, session};
use crate::cli::Enter;
use crate::context::Context;
use crate::error::Result;
use crate::host::Host;
use crate::plan::What;
use crate::recipe;
use crate::ui::Ui;

pub(super) fn run(args: &Enter, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let (name, image) = create::meant(&context, &args.target)?;
    if let Some(image) = image {
        if args.dry_run {
            ui.line(&format!("create    box `{name}` of the image `{image}`, then enter it"))?;
            return Ok(0);
        }
        create::from_image(&context, &name, &image, &args.source)?;
    }
    let mut stored = context.store.open_box(&name)?;
    if let Some(overlay) = args.source.overlay {
        stored.config.overlay = overlay.into();
    }
    let wish = session::Wish {
        what: if args.command.is_empty() { What::Shell } else { What::Command(&args.command) },
        user: args.session.user.as_ref(),
        workdir: args.session.workdir.as_ref(),
        at_home: args.session.no_workdir,
    };
    if args.dry_run {
        let fuse = stored.config.overlay == recipe::Overlay::Fuse;
        let boot = live::plan(&context, &stored, live::agent_path(&context)?, fuse)?;
        let mut text = boot.to_string();
        let _ = writeln!(text, "{}", session::plan(&context, &stored, &wish)?);
        ui.data(text)?;
        return Ok(0);
    }
    session::run(&context, &stored, &wish)
}
