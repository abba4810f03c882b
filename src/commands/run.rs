//! `envbox run`

use super::janitor::Janitor;
use super::{create, identity, provision, recipes, remove, session, sweep};
use crate::cli::Run;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::What;
use crate::recipe::{BoxConfig, BoxName};
use crate::store::{self, ImageLease, Owned};
use crate::ui::Ui;

pub(super) fn run(args: &Run, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let wish = session::Wish {
        what: if args.command.is_empty() { What::ImagesOwn } else { What::Command(&args.command) },
        user: args.session.user.as_ref(),
        workdir: args.session.workdir.as_ref(),
        at_home: args.session.no_workdir,
    };
    if args.rm {
        return throw_away(&context, args, &wish);
    }
    let (name, image) = create::meant(&context, &args.target)?;
    if let Some(image) = image {
        create::from_image(&context, &name, &image, &args.source)?;
    }
    let mut stored = context.store.open_box(&name)?;
    if let Some(overlay) = args.source.overlay {
        stored.config.overlay = overlay.into();
    }
    session::run(&context, &stored, &wish)
}

/// A box of its own for one command. What it is made of is a box's image, or an image.
fn throw_away(context: &Context<'_>, args: &Run, wish: &session::Wish<'_>) -> Result {
    let existing: Option<BoxName> = args.target.0.parse().ok().filter(|name| context.store.has_box(name));
    let (mut config, image) = match existing {
        Some(existing) => {
            let model = context.store.open_box(&existing)?;
            let image = context.store.lease_image(&model.digest)?;
            (model.config, image.ok_or(store::Error::NoImage(existing))?)
        }
        None => {
            let name = recipes::meant(context, &args.target.0)?;
            let image = provision::image(context, &name, &args.source)?;
            (BoxConfig::new(name), image)
        }
    };
    config.ephemeral = true;
    config.linger = 0;
    if let Some(overlay) = args.source.overlay {
        config.overlay = overlay.into();
    }
    sweep::if_needed(context)?;
    let (name, owned) = new_box(context, &config, &image)?;
    // The box keeps it from now on; whatever is forked below would keep it for too long.
    drop(image);
    in_ephemeral(context, &name, owned, wish)
}

/// A session in an ephemeral box, which goes when that has ended, or when this process is gone.
///
/// # Errors
/// Whatever keeps it from running.
pub(super) fn in_ephemeral(context: &Context<'_>, name: &BoxName, owned: Owned, wish: &session::Wish<'_>) -> Result {
    // Not by this process: who has joined a pid namespace can fork no more when that has ended.
    let janitor = Janitor::hire(context, || {
        remove::remove(context, name, true)?;
        sweep::abandoned(context, &identity::of(context)?);
        Ok(())
    })?;
    drop(owned);
    let stored = context.store.open_box(name).map_err(Error::from);
    let outcome = stored.and_then(|stored| session::run(context, &stored, wish));
    drop(janitor);
    outcome
}

/// A box with a name that no other has. Two process ids are the same where they are of two containers with one home.
///
/// # Errors
/// The store's.
pub(super) fn new_box(context: &Context<'_>, config: &BoxConfig, image: &ImageLease) -> Result<(BoxName, Owned)> {
    for attempt in 0u32.. {
        let name: BoxName = format!("run-{}-{attempt}", std::process::id()).parse()?;
        match context.store.create_box(&name, config, image) {
            Err(store::Error::BoxExists(_)) => {}
            owned => return Ok((name, owned?)),
        }
    }
    Err(Error::new("there is no name left for the box"))
}
