//! `envbox image rm`

use std::collections::BTreeSet;

use super::catalogue::Catalogue;
use crate::cli::ImageRemove;
use crate::commands::gc;
use crate::context::Context;
use crate::error::Result;
use crate::image::{Digest, short};
use crate::store::Policy;

pub(super) fn run(args: &ImageRemove, context: &Context<'_>) -> Result {
    let catalogue = Catalogue::read(context)?;
    // All or none.
    let mut meant = Vec::new();
    for name in &args.images {
        match catalogue.find(name) {
            // Of a name that cannot be read, the file is known by the name alone.
            Err(_) if context.store.untag(&name.0)? || args.force => {}
            found => meant.push(found?),
        }
    }
    let images: BTreeSet<Digest> = meant.iter().map(|image| image.digest).collect();
    for name in meant.iter().flat_map(|image| &image.names) {
        if context.store.untag(name)? {
            context.ui.note(&format!("`{}` is no name of an image any more", short(name)));
        }
    }
    let collected = gc::collect(context, &Policy { only: Some(images.clone()), ..Policy::default() })?;
    let gone: BTreeSet<Digest> = collected.images.iter().map(|(image, _)| *image).collect();
    let left = Catalogue::read(context)?;
    for image in images.difference(&gone).filter(|image| left.images.contains_key(image)) {
        context.ui.note(&format!("the image {} stays: {}", image.short(), why(&left, image)));
    }
    gc::say(context, &collected)?;
    Ok(0)
}

fn why(left: &Catalogue, image: &Digest) -> String {
    let names: Vec<&str> = left.names_of(image).map(|name| short(&name.name)).collect();
    let boxes = left.boxes_of(image);
    match (&*boxes, &*names) {
        ([], []) => "another envbox may need it, or what needs it cannot be read".to_owned(),
        ([], names) => format!("it is also named {}", names.join(", ")),
        ([one], _) => format!("the box {one} has it"),
        (boxes, _) => format!("the boxes {} have it", boxes.join(", ")),
    }
}
