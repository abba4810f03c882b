//! `envbox image save`: an image becomes a layout or an archive.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use super::catalogue::Catalogue;
use crate::cli::{self, Format, Save};
use crate::commands::export::export;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image, Reference};
use crate::pack::{self, Compression, Part};
use crate::sys::root::{self, Open};
use crate::sys::tree;
use crate::ui::Ui;

/// Endings of files that are compressed as a whole.
const COMPRESSED: [&str; 7] = ["gz", "tgz", "xz", "txz", "zst", "tzst", "bz2"];

pub(super) fn run(args: &Save, context: &Context<'_>) -> Result {
    let ui = context.ui;
    let format = args.format.map_or_else(|| guess(&args.output), Ok)?;
    let place = Place::open(&args.output, format, ui)?;
    let catalogue = Catalogue::read(&context.store)?;
    let digest = catalogue.find(&args.image)?.digest;
    // Held, so that nobody clears it away meanwhile.
    let lease = context.store.lease_image(&digest)?;
    let image = lease.as_ref().map_or_else(|| catalogue.image(&digest), |lease| Ok(lease.image()))?;
    let name = args.name.clone().or_else(|| name_of(&args.image.0, image));
    let wanted = args.compression.map(compression).or((format == Format::DockerArchive).then_some(Compression::Plain));
    let exported = export(context, image, wanted)?;
    let exported = if format == Format::DockerArchive { exported } else { exported.into_oci() };
    let parts = match format {
        Format::DockerArchive => exported.docker_archive(name.as_ref()),
        Format::Oci | Format::OciArchive => exported.layout(name.as_ref()),
    };
    let bar = ui.progress("writing", Some(parts.iter().map(Part::size).sum()));
    let written = place.write(&parts, &mut |bytes| bar.advance(bytes));
    bar.finish();
    written?;
    ui.step(&format!("config {}", exported.config_descriptor.digest));
    ui.note(&format!("manifest {}", Digest::of(&exported.manifest)));
    Ok(0)
}

fn compression(given: cli::Compression) -> Compression {
    match given {
        cli::Compression::Gzip => Compression::Gzip,
        cli::Compression::Zstd => Compression::Zstd,
        cli::Compression::None => Compression::Plain,
    }
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

/// What the image is called elsewhere: what it was when it was pulled; what was made here is nobody else's.
fn name_of(text: &str, image: &Image) -> Option<Reference> {
    if digest(text).is_some() {
        return None;
    }
    let text = if image.published.is_some() { text.to_owned() } else { format!("localhost/{text}") };
    text.parse().ok().filter(|reference: &Reference| reference.digest().is_none())
}

/// Where the image goes. What is there already stays until all is written.
enum Place {
    Stream(File),
    File { staged: PathBuf, path: PathBuf, file: File },
    Directory { staged: PathBuf, path: PathBuf },
}

impl Place {
    fn open(output: &Path, format: Format, ui: &Ui) -> Result<Self> {
        let fail = |source: io::Error| Error::new(format!("cannot write {}: {source}", output.display()));
        let path = output.to_owned();
        if format == Format::Oci {
            let taken = fs::read_dir(output).is_ok_and(|mut found| found.next().is_some());
            if taken || output.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                return Err(Error::new(format!("{} is there already", output.display())));
            }
            if output == Path::new("-") {
                return Err(Error::new("a layout is a directory, which cannot go to standard output")
                    .hint("--format oci-archive"));
            }
            let staged = beside(output);
            fs::create_dir(&staged).map_err(fail)?;
            return Ok(Self::Directory { staged, path });
        }
        if output == Path::new("-") {
            return Ok(Self::Stream(ui.output()?));
        }
        // A pipe or a device is written to, not replaced.
        if output.metadata().is_ok_and(|found| !found.is_file()) {
            return Ok(Self::Stream(File::options().write(true).open(output).map_err(fail)?));
        }
        let staged = beside(output);
        let file = File::create(&staged).map_err(fail)?;
        Ok(Self::File { staged, path, file })
    }

    fn write(&self, parts: &[Part<'_>], progress: &mut dyn FnMut(u64)) -> Result<()> {
        let fail = |path: &Path| {
            let path = path.display().to_string();
            move |source| pack::Error::Output { what: path, source }
        };
        match self {
            Self::Stream(file) => pack::archive(file, parts, progress)?,
            Self::File { staged, path, file } => {
                pack::archive(file, parts, progress)?;
                file.sync_data().and_then(|()| fs::rename(staged, path)).map_err(fail(path))?;
            }
            Self::Directory { staged, path } => {
                pack::directory(staged, parts, progress)?;
                fs::rename(staged, path).map_err(fail(path))?;
            }
        }
        Ok(())
    }
}

impl Drop for Place {
    /// Takes away what is not finished. After a success, the name is gone.
    fn drop(&mut self) {
        let (Self::File { staged, .. } | Self::Directory { staged, .. }) = self else { return };
        let parent = staged.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let (Ok(parent), Some(name)) = (root::open_absolute(parent, Open::Directory), staged.file_name()) {
            let _ = tree::remove(parent.as_fd(), name);
        }
    }
}

/// A name in the same directory that nobody else has.
fn beside(output: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(output.file_name().unwrap_or(OsStr::new("image")));
    name.push(format!(".envbox-{}", std::process::id()));
    output.with_file_name(name)
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
