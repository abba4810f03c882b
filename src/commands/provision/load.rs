//! All images of a bundle or a layout, under the names that they have there.

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::Path;

use super::bundle::{self, Contents};
use super::layout::of_place;
use super::wanted::Form;
use super::{Known, blobs, known_or};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Reference;
use crate::source::Trust;
use crate::source::layout::{Documents, Place, Which};
use crate::store::ImageLease;

/// Puts the images of an archive, or of a layout's directory, into the store; `only` the one of that name, and under the
/// name `called` if there is just one. Names and images.
///
/// # Errors
/// What is wrong with any of them; those before it are in the store.
pub(crate) fn load(
    context: &Context<'_>,
    from: &Path,
    only: Option<&str>,
    called: Option<&Reference>,
) -> Result<Vec<(String, ImageLease)>> {
    let shown = from.display().to_string();
    let (scheme, place) = if from.is_dir() {
        ("oci", Place::Directory(from.to_owned()))
    } else {
        let failed = |error| Error::new(format!("cannot read {shown}: {error}"));
        let mut file = open(context, from).map_err(failed)?;
        if !bundle::is_one(&mut file)? {
            let error = Error::new(format!("{shown} is neither an OCI layout nor what docker or podman save"));
            return Err(error.hint(format!("a root file system's tarball: envbox create NAME --image {shown}")));
        }
        ("archive", Place::Bundle(Box::new(bundle::read(context.ui, file, &shown, &blobs(context))?)))
    };
    let contents = Contents::open(&place, Form::Any)?;
    let images = images(&contents, only)?;
    if called.is_some() && images.len() > 1 {
        let names = contents.names().join(", ");
        return Err(Error::new("there are several images, and one name").hint(format!("--only one of them: {names}")));
    }
    let mut loaded = Vec::new();
    for image in &images {
        for name in names(image, called)? {
            let origin = format!("{scheme}:{shown}");
            let trust = Trust::None.to_string();
            let made = || of_place(context, &place, image, origin, trust, false);
            let image = known_or(context, &name, Known::WillNot, made)?;
            loaded.push((name, image));
        }
    }
    Ok(loaded)
}

/// The archive; what comes from standard input, or from anything else that cannot be read twice, by way of a file.
fn open(context: &Context<'_>, from: &Path) -> io::Result<File> {
    let mut input = if from == Path::new("-") { File::open("/dev/stdin")? } else { File::open(from)? };
    if input.metadata()?.is_file() {
        return Ok(input);
    }
    let mut file = blobs(context).scratch().map_err(io::Error::other)?;
    io::copy(&mut input, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// The documents of the images: each once, whatever names it has.
fn images(contents: &Contents<'_>, only: Option<&str>) -> Result<Vec<Documents>> {
    let wanted = match only {
        Some(name) => vec![name.to_owned()],
        None => contents.names(),
    };
    let whiches: Vec<Which> = match wanted.is_empty() {
        true => vec![Which::Only],
        false => wanted.into_iter().map(Which::Named).collect(),
    };
    let mut images: Vec<Documents> = Vec::new();
    for which in &whiches {
        let image = contents.image(which)?;
        if !images.iter().any(|known| known.published == image.published) {
            images.push(image);
        }
    }
    Ok(images)
}

/// The names an image is to be known by: as references, as if they were of a registry.
fn names(image: &Documents, called: Option<&Reference>) -> Result<Vec<String>> {
    if let Some(called) = called {
        return Ok(vec![called.to_string()]);
    }
    let reference = |name: &String| {
        // A layout often says no more than a tag; whose, it does not say.
        let name = if name.contains(['/', ':']) { name.clone() } else { format!("localhost/{name}") };
        name.parse::<Reference>().ok().map(|reference| reference.to_string())
    };
    let names: Vec<String> = image.names.iter().filter_map(reference).collect();
    if names.is_empty() {
        return Err(Error::new("the image has no name").hint("--name localhost/mine:1 gives it one"));
    }
    Ok(names)
}
