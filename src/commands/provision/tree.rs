//! A tree from a file that holds it.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};

use super::unpacker::write_index;
use crate::commands::live::proof;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::source::distro::Form;
use crate::store::Staging;
use crate::unpack::{self, Options, Report, Root, Strip};
use crate::userns::{self, Identity};

/// Unpacks a file into the tree of a staged layer. The layer's index is made on the way.
///
/// # Errors
/// Whatever is wrong with the archive or the disk. What there is of the tree by then stays.
pub(super) fn unpack(
    context: &Context<'_>,
    identity: &Identity,
    staging: &Staging,
    mut file: File,
    form: Form,
) -> Result<Report> {
    let tree = staging.layer()?;
    // Opened before the process is locked into the tree, which it is not in.
    let index = File::create_new(staging.layer_index()).map_err(Error::new)?;
    let size = file.metadata().map_err(Error::new)?.len();
    let squashed = begins_with(&mut file, &unpack::SQUASHFS_MAGIC).map_err(Error::new)?;
    let report: Report = userns::run(&proof()?, identity, |_| {
        // Of a squashfs image it is known how much has been written, of a tarball how much has been read.
        let bar = context.ui.progress("unpacking", (!squashed).then_some(size));
        fs::create_dir(&tree).map_err(Failure::Target)?;
        let mut before = 0;
        let mut show = |now: u64| {
            bar.advance(now.saturating_sub(before));
            before = now;
        };
        let root = Root::confine(&tree)?;
        let options = options(form);
        let report = match squashed {
            true => unpack::squashfs(&root, file, &options, &mut show)?,
            false => unpack::tar(&root, file, &options, &mut show)?,
        };
        bar.finish();
        if let Some(files) = &report.files {
            write_index(&index, files).map_err(Failure::Index)?;
        }
        Ok::<_, Failure>(report)
    })?;
    if report.devices_skipped > 0 {
        let count = report.devices_skipped;
        context.ui.step(&format!("left out {count} device nodes: boxes have a /dev of their own"));
    }
    Ok(report)
}

/// Whether a file begins with these bytes; leaves it rewound.
fn begins_with(file: &mut File, magic: &[u8; 4]) -> io::Result<bool> {
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start == magic)
}

fn options(form: Form) -> Options {
    let strip = match form {
        Form::Squashfs | Form::Tarball { strip: None } => Strip::Auto,
        Form::Tarball { strip: Some(0) } => Strip::Never,
        Form::Tarball { strip: Some(components) } => Strip::Components(components.into()),
    };
    Options { strip, index: true, ..Options::default() }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot make the directory to unpack into")]
    Target(#[source] io::Error),
    #[error("cannot write the layer's index")]
    Index(#[source] io::Error),
    #[error(transparent)]
    Unpack(#[from] unpack::Error),
}
