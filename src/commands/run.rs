//! `envbox run`

use super::janitor::Janitor;
use super::{create, identity, limit, project, provision, recipes, remove, session, sweep};
use crate::cli::{Run, Source, Target};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::What;
use crate::recipe::{BoxConfig, BoxName};
use crate::store::{self, ImageLease, Owned};
use crate::ui::Ui;

pub(super) fn run(args: &Run, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let command = args.command();
    let wish = session::Wish {
        what: if command.is_empty() { What::ImagesOwn } else { What::Command(&command) },
        user: args.session.user.as_ref(),
        workdir: args.session.workdir.as_ref(),
        at_home: args.session.no_workdir,
        login: false,
    };
    let meant = project::meant(&context, args.target.as_ref())?;
    let options = project::Options::new(&args.source, args.project);
    let mut stored = match (&meant, &args.target) {
        (Some((found, environment)), _) if args.rm => {
            let image = project::image(&context, found, environment, &options)?;
            return throw_away(&context, args, project::config(found, environment)?, image, &wish);
        }
        (Some((found, environment)), _) => project::ready(&context, found, environment, &options)?,
        (None, Some(target)) if args.rm => {
            let (config, image) = model(&context, target, &args.source)?;
            return throw_away(&context, args, config, image, &wish);
        }
        (None, Some(target)) => {
            create::opened(&context, target, &args.source).map_err(|error| taught(&context, error))?
        }
        (None, None) => return Err(project::none(&context).hint("envbox run NAME -- COMMAND")),
    };
    limit::for_this_start(&context, &mut stored, &args.limits)?;
    session::run(&context, &stored, &wish)
}

/// In a project, what was meant as a command may have been taken for a name.
fn taught(context: &Context<'_>, error: Error) -> Error {
    match project::root_of(context.host) {
        Some(_) => error.hint("envbox run -- COMMAND runs it in this project's box"),
        None => error,
    }
}

/// What a box of its own for one command is made like: a box that is there, or an image.
fn model(context: &Context<'_>, target: &Target, source: &Source) -> Result<(BoxConfig, ImageLease)> {
    let existing: Option<BoxName> = target.0.parse().ok().filter(|name| context.store.has_box(name));
    match existing {
        Some(existing) => {
            let model = context.store.open_box(&existing)?;
            let image = context.store.lease_image(&model.digest)?;
            Ok((model.config, image.ok_or(store::Error::NoImage(existing))?))
        }
        None => {
            let name = recipes::meant(context, &target.0)?;
            let image = provision::image(context, &name, source)?;
            Ok((BoxConfig::new(name), image))
        }
    }
}

/// A box of its own for one command.
fn throw_away(
    context: &Context<'_>,
    args: &Run,
    mut config: BoxConfig,
    image: ImageLease,
    wish: &session::Wish<'_>,
) -> Result {
    config.ephemeral = true;
    config.linger = 0;
    config.limits = limit::over(&config.limits, &args.limits)?;
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
