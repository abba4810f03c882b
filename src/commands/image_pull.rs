//! `envbox image pull`

use super::provision;
use crate::cli::ImagePull;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::ui::Ui;

pub(super) fn run(args: &ImagePull, host: &Host, ui: &Ui) -> Result {
    if args.digest.is_some() && args.images.len() > 1 {
        return Err(Error::new("a digest belongs to one image").hint("write the others as NAME@sha256:…"));
    }
    let context = Context::open(host, ui)?;
    for image in &args.images {
        let digest = provision::pull(&context, image, args.digest, &args.source)?;
        ui.line(&digest.to_string())?;
    }
    Ok(0)
}
