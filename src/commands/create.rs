//! `envbox create`

use super::{limit, project, provision, recipes, sweep, system};
use crate::cli::{self, Create, Limiting, Source, Target};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::settings::{Init, Limits};
use crate::recipe::{BoxConfig, BoxName, Overlay};
use crate::store::{self, ImageLease, StoredBox};
use crate::ui::Ui;

pub(super) fn run(args: &Create, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let target = args.name.as_ref().map(|name| Target(name.to_string()));
    if args.image.is_none()
        && args.system.is_none()
        && let Some((found, environment)) = project::meant(&context, target.as_ref())?
    {
        if args.limits != Limiting::default() {
            return Err(Error::new("the box of a project has the limits of its recipe")
                .hint(format!("change `limits` in {}", found.file.display())));
        }
        let options = project::Options::new(&args.source, args.project);
        let name = project::ready(&context, &found, &environment, &options)?.name;
        ui.note(&format!("the project's box is `{name}`"));
        return Ok(0);
    }
    let Some(name) = &args.name else {
        return Err(project::none(&context).hint("envbox create NAME --image IMAGE"));
    };
    let name = plain(&context, name, args)?;
    ui.note(&format!("created box `{name}`"));
    Ok(0)
}

/// Creates a box that is of no project.
fn plain(context: &Context<'_>, wanted: &BoxName, args: &Create) -> Result<BoxName> {
    // Before anything is fetched for nothing.
    if context.store.has_box(wanted) {
        return Err(store::Error::BoxExists(wanted.clone()).into());
    }
    limit::over(&Limits::default(), &args.limits)?;
    let named = args.image.as_deref().or(args.system.as_deref());
    let image = recipes::meant(context, named.unwrap_or(wanted.as_str()))?;
    // Who has chosen another recipe than that of the name has chosen the box's name with it.
    let own = named.is_some() || image == wanted.as_str();
    let name = if own { wanted.clone() } else { name_for(&image)? };
    if args.system.is_some() {
        let leased = system::image(context, &image, &args.source)?;
        let config = BoxConfig { init: Init::Auto, ..BoxConfig::new(image) };
        make(context, &name, config, &leased, (&args.source, &args.limits))?;
    } else {
        from_image(context, &name, &image, &args.source, &args.limits)?;
    }
    Ok(name)
}

/// The box of an image that is meant by what a user has typed, made if it is not there.
///
/// # Errors
/// [`meant`]'s, and whatever keeps the box from being made.
pub(super) fn opened(context: &Context<'_>, target: &Target, source: &Source) -> Result<StoredBox> {
    let (name, image) = meant(context, target)?;
    if let Some(image) = image {
        match from_image(context, &name, &image, source, &Limiting::default()) {
            // Another has made it meanwhile, which is as good as if it had been there before.
            Err(error) if matches!(error.of(), Some(store::Error::BoxExists(_))) => {
                meant(context, target)?;
            }
            result => result?,
        }
    }
    let mut stored = context.store.open_box(&name)?;
    if let Some(overlay) = source.overlay {
        stored.config.overlay = overlay.into();
    }
    Ok(stored)
}

/// The box that is meant by what a user has typed, a box's name or an image, and the image to make it of where it is not
/// there yet.
///
/// # Errors
/// [`recipes::meant`]'s; or the box that is named as the image's would be is made of another.
pub(super) fn meant(context: &Context<'_>, target: &Target) -> Result<(BoxName, Option<String>)> {
    if let Some(name) = target.0.parse().ok().filter(|name| context.store.has_box(name)) {
        return Ok((name, None));
    }
    let image = recipes::meant(context, &target.0)?;
    let name = name_for(&image)?;
    if !context.store.has_box(&name) {
        return Ok((name, Some(image)));
    }
    let from = context.store.open_box(&name)?.config.from;
    if from == image {
        return Ok((name, None));
    }
    Err(Error::new(format!("the box `{name}` is made of `{from}`, not of `{image}`"))
        .hint(format!("envbox enter {name} enters it as it is"))
        .hint(format!("envbox create NAME --image {image} makes another")))
}

/// The name of the box that an image gets when nobody has named it: the image's own, as far as it can be one.
pub(super) fn name_for(image: &str) -> Result<BoxName> {
    let last = image.trim_end_matches('/').rsplit('/').next().unwrap_or(image);
    let stem = last.split_once(".tar").map_or(last, |(stem, _)| stem);
    let word: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' }).take(64).collect();
    word.trim_start_matches(['.', '-'])
        .parse()
        .map_err(|error| Error::from(error).hint("envbox create NAME --image …, then envbox run NAME"))
}

/// Creates a box of an image, which is fetched if it is not there.
///
/// # Errors
/// Whatever keeps the image or the box from being made.
pub(super) fn from_image(
    context: &Context<'_>,
    name: &BoxName,
    image: &str,
    source: &Source,
    limits: &Limiting,
) -> Result<()> {
    let leased = provision::image(context, image, source)?;
    make(context, name, BoxConfig::new(image.to_owned()), &leased, (source, limits))
}

fn make(
    context: &Context<'_>,
    name: &BoxName,
    mut config: BoxConfig,
    leased: &ImageLease,
    (source, limits): (&Source, &Limiting),
) -> Result<()> {
    config.overlay = source.overlay.map_or(Overlay::Auto, Into::into);
    config.limits = limit::over(&config.limits, limits)?;
    // Room that rubbish takes may be wanted.
    sweep::if_needed(context)?;
    context.store.create_box(name, &config, leased)?;
    Ok(())
}

impl From<cli::Overlay> for Overlay {
    fn from(overlay: cli::Overlay) -> Self {
        match overlay {
            cli::Overlay::Kernel => Self::Kernel,
            cli::Overlay::Fuse => Self::Fuse,
            cli::Overlay::Auto => Self::Auto,
        }
    }
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
