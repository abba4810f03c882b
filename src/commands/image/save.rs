//! `envbox image save`: an image becomes a layout or an archive.

use std::path::Path;

use super::catalogue::Catalogue;
use super::destination::Destination;
use crate::cli::{Format, Save};
use crate::commands::export::export;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image, Reference};
use crate::pack::{Compression, Part};

/// Endings of files that are compressed as a whole.
const COMPRESSED: [&str; 7] = ["gz", "tgz", "xz", "txz", "zst", "tzst", "bz2"];

pub(super) fn run(args: &Save, context: &Context<'_>) -> Result {
    let ui = context.ui;
    let format = args.format.map_or_else(|| guess(&args.output), Ok)?;
    let destination = Destination::open(&args.output, format, ui)?;
    let held = Catalogue::read(context)?.hold(&context.store, &args.image)?;
    let image = held.image();
    let name = args.name.clone().or_else(|| name_of(&args.image.0, image));
    let wanted = args.compression.map(Into::into).or((format == Format::DockerArchive).then_some(Compression::Plain));
    let exported = export(context, image, wanted)?;
    let exported = if format == Format::DockerArchive { exported } else { exported.into_oci() };
    let parts = match format {
        Format::DockerArchive => exported.docker_archive(name.as_ref()),
        Format::Oci | Format::OciArchive => exported.layout(name.as_ref()),
    };
    let bar = ui.progress("writing", Some(parts.iter().map(Part::size).sum()));
    let written = destination.write(&parts, &mut |bytes| bar.advance(bytes));
    bar.finish();
    written?;
    ui.step(&format!("config {}", exported.config_descriptor.digest));
    ui.note(&format!("manifest {}", Digest::of(&exported.manifest)));
    Ok(0)
}

/// What the output's name says.
fn guess(output: &Path) -> Result<Format> {
    let name = output.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    if COMPRESSED.contains(&ending) {
        return Err(Error::new(format!(
            "nothing writes a `.{ending}`: the layers in the archive are compressed already"
        ))
        .hint("name it .tar; --compression says how layers are compressed"));
    }
    Ok(match ending {
        "tar" if name.contains("docker") => Format::DockerArchive,
        "tar" => Format::OciArchive,
        _ if output == Path::new("-") => Format::OciArchive,
        _ => Format::Oci,
    })
}

/// The digest that a text is, with or without the algorithm.
fn digest(text: &str) -> Option<Digest> {
    text.parse().or_else(|_| Digest::from_hex(text)).ok()
}

/// What the image is called elsewhere: what it was when it was pulled, or by a registry's name that the user has given it.
/// Of anything else, only this machine knows what it is.
fn name_of(text: &str, image: &Image) -> Option<Reference> {
    if digest(text).is_some() {
        return None;
    }
    let whole = image.published.is_some() || Reference::names_registry(text);
    let text = if whole { text.to_owned() } else { format!("localhost/{text}") };
    text.parse().ok().filter(|reference: &Reference| reference.digest().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_to_write() {
        for (name, format) in [
            ("x.tar", Format::OciArchive),
            ("dir/x.oci.tar", Format::OciArchive),
            ("x.docker.tar", Format::DockerArchive),
            ("docker-archive.tar", Format::DockerArchive),
            ("docker/x.tar", Format::OciArchive),
            ("-", Format::OciArchive),
            ("layout", Format::Oci),
            ("debian-12.5", Format::Oci),
            ("layout/", Format::Oci),
        ] {
            assert_eq!(guess(Path::new(name)).unwrap(), format, "{name}");
        }
        assert!(guess(Path::new("x.tar.gz")).is_err());
    }
}
