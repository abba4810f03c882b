//! `envbox create`

use super::{provision, sweep};
use crate::cli::{self, Create, Source};
use crate::context::Context;
use crate::error::Result;
use crate::host::Host;
use crate::recipe::{BoxConfig, BoxName, Overlay};
use crate::store;
use crate::ui::Ui;

pub(super) fn run(args: &Create, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    // Before anything is fetched for nothing.
    if context.store.has_box(&args.name) {
        return Err(store::Error::BoxExists(args.name.clone()).into());
    }
    let image = args.image.as_deref().unwrap_or(args.name.as_str());
    from_image(&context, &args.name, image, &args.source)?;
    ui.note(&format!("created box `{}`", args.name));
    Ok(0)
}

/// Creates a box of an image, which is fetched if it is not there.
///
/// # Errors
/// Whatever keeps the image or the box from being made.
pub(super) fn from_image(context: &Context<'_>, name: &BoxName, image: &str, source: &Source) -> Result<()> {
    let digest = provision::image(context, image, source)?;
    let mut config = BoxConfig::new(image.to_owned());
    config.overlay = source.overlay.map_or(Overlay::Auto, Into::into);
    // Room that rubbish takes may be wanted.
    sweep::if_needed(context)?;
    match context.store.create_box(name, &config, &digest) {
        // Two at once: the other one has made it, which is as good for who wants to enter it.
        Err(store::Error::BoxExists(_)) if context.store.open_box(name).is_ok_and(|there| there.digest == digest) => {
            Ok(())
        }
        result => Ok(result.map(drop)?),
    }
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
