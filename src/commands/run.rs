//! `envbox run`

use super::janitor::Janitor;
use super::{create, identity, provision, remove, session, sweep};
use crate::cli::Run;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::image::Digest;
use crate::recipe::{BoxConfig, BoxName};
use crate::store::{self, Owned};
use crate::ui::Ui;

pub(super) fn run(args: &Run, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let wish = session::Wish {
        command: &args.command,
        workdir: args.workdir.workdir.as_ref(),
        at_home: args.workdir.no_workdir,
    };
    let target = args.target.0.as_str();
    let existing: Option<BoxName> = target.parse().ok().filter(|name| context.store.has_box(name));
    if args.rm {
        return throw_away(&context, args, existing, &wish);
    }
    let name = match existing {
        Some(name) => name,
        None => {
            let name = name_for(target)?;
            if !context.store.has_box(&name) {
                create::from_image(&context, &name, target, &args.source)?;
            }
            name
        }
    };
    let mut stored = context.store.open_box(&name)?;
    if let Some(overlay) = args.source.overlay {
        stored.config.overlay = overlay.into();
    }
    session::run(&context, &stored, &wish)
}

/// A box of its own for one command. What it is made of is a box's image, or an image.
fn throw_away(context: &Context<'_>, args: &Run, existing: Option<BoxName>, wish: &session::Wish<'_>) -> Result {
    let (mut config, image) = match existing {
        Some(existing) => {
            let model = context.store.open_box(&existing)?;
            (model.config, model.digest)
        }
        None => {
            let image = provision::image(context, &args.target.0, &args.source)?;
            (BoxConfig::new(args.target.0.clone()), image)
        }
    };
    config.ephemeral = true;
    config.linger = 0;
    if let Some(overlay) = args.source.overlay {
        config.overlay = overlay.into();
    }
    sweep::if_needed(context)?;
    let (name, owned) = new_box(context, &config, &image)?;
    // Not by this process: who has joined a pid namespace can fork no more when that has ended.
    let janitor = Janitor::hire(context, || {
        remove::remove(context, &name, true)?;
        sweep::abandoned(context, &identity::of(context)?);
        Ok(())
    })?;
    drop(owned);
    let stored = context.store.open_box(&name).map_err(Error::from);
    let outcome = stored.and_then(|stored| session::run(context, &stored, wish));
    drop(janitor);
    outcome
}

/// A box with a name that no other has. Two process ids are the same where they are of two containers with one home.
fn new_box(context: &Context<'_>, config: &BoxConfig, image: &Digest) -> Result<(BoxName, Owned)> {
    for attempt in 0u32.. {
        let name: BoxName = format!("run-{}-{attempt}", std::process::id()).parse()?;
        match context.store.create_box(&name, config, image) {
            Err(store::Error::BoxExists(_)) => {}
            owned => return Ok((name, owned?)),
        }
    }
    Err(Error::new("there is no name left for the box"))
}

/// The name of the box that an image gets when nobody has named it: the image's own, as far as it can be one.
fn name_for(image: &str) -> Result<BoxName> {
    let last = image.trim_end_matches('/').rsplit('/').next().unwrap_or(image);
    let stem = last.split_once(".tar").map_or(last, |(stem, _)| stem);
    let word: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' }).take(64).collect();
    word.trim_start_matches(['.', '-'])
        .parse()
        .map_err(|error| Error::from(error).hint("envbox create NAME --image …, then envbox run NAME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_named_after_its_image() {
        let of = |image: &str| name_for(image).map(|name| name.to_string());
        assert_eq!(of("debian").unwrap(), "debian");
        assert_eq!(of("debian:12").unwrap(), "debian-12");
        assert_eq!(of("./a b/alpine-minirootfs-3.20.3-x86_64.tar.gz").unwrap(), "alpine-minirootfs-3.20.3-x86_64");
        assert_eq!(of("https://example.org/x/root.tar.xz?y").unwrap(), "root");
        assert!(of("/").is_err());
    }
}
