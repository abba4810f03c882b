//! A tree from a file that holds it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use super::unpacker::write_index;
use crate::commands::live::proof;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::{Change, Setup};
use crate::source::distro::Form;
use crate::store::Staging;
use crate::sys::root::{self, Open, Owner};
use crate::unpack::{self, Options, Report, Root, Strip};
use crate::userns::Identity;
use crate::{launch, plan, userns};

/// Unpacks a file into the tree of a staged layer, and changes what a recipe wants changed in it. Where nothing is to be
/// changed, the layer's index is made on the way.
///
/// # Errors
/// Whatever is wrong with the archive or the disk. What there is of the tree by then stays.
pub(super) fn unpack(
    context: &Context<'_>,
    identity: &Identity,
    staging: &Staging,
    mut file: File,
    form: Form,
    changes: &[Change],
) -> Result<Report> {
    let tree = staging.layer()?;
    // Opened before the process is locked into the tree, which it is not in.
    let index = changes.is_empty().then(|| File::create_new(staging.layer_index())).transpose().map_err(Error::new)?;
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
        let options = options(form, index.is_some());
        let report = match squashed {
            true => unpack::squashfs(&root, file, &options, &mut show)?,
            false => unpack::tar(&root, file, &options, &mut show)?,
        };
        bar.finish();
        changes.iter().try_for_each(apply)?;
        if let (Some(index), Some(files)) = (&index, &report.files) {
            write_index(index, files).map_err(Failure::Index)?;
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

/// Runs what a recipe wants run in a fresh tree, each step as root of the user namespace.
///
/// # Errors
/// The first step that fails, with the end of its output.
pub(super) fn set_up(context: &Context<'_>, identity: &Identity, staging: &Staging, steps: &[Setup]) -> Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    // What was known of the tree no longer holds.
    match fs::remove_file(staging.layer_index()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::new(error)),
        _ => {}
    }
    let tree = &staging.layer()?;
    let env = [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/root")];
    let env = env.map(|(name, value)| (name.into(), value.into()));
    let plan = plan::bootstrap(tree);
    for step in steps {
        context.ui.note(&format!("setting up: {}", step.run));
        let mut output = |bytes: &[u8]| context.ui.step(String::from_utf8_lossy(bytes).trim_end());
        launch::run_in(&proof()?, identity, &plan, &["/bin/sh", "-c", &step.run], &env, &mut output)?;
    }
    Ok(())
}

fn options(form: Form, index: bool) -> Options {
    let strip = match form {
        Form::Squashfs | Form::Tarball { strip: None } => Strip::Auto,
        Form::Tarball { strip: Some(0) } => Strip::Never,
        Form::Tarball { strip: Some(components) } => Strip::Components(components.into()),
    };
    Options { strip, index, ..Options::default() }
}

/// Makes one change, in the root that this process is confined to.
fn apply(change: &Change) -> std::result::Result<(), Failure> {
    let (Change::Write { path, .. } | Change::Replace { path, .. }) = change;
    let failed = |source| Failure::Change(path.clone(), source);
    let top = root::open_absolute(Path::new("/"), Open::Directory).map_err(failed)?;
    let (bytes, owner) = match change {
        Change::Write { content, .. } => (content.clone().into_bytes(), Owner { uid: 0, gid: 0, mode: 0o644 }),
        Change::Replace { line, with, .. } => {
            let (old, owner) = root::read_with_owner(&top, Path::new(path)).map_err(failed)?;
            let lines = old.split(|byte| *byte == b'\n');
            let new: Vec<&[u8]> = lines.map(|old| if old == line.as_bytes() { with.as_bytes() } else { old }).collect();
            (new.join(&b'\n'), owner)
        }
    };
    let path = Path::new(path);
    let (dir, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or(OsStr::new("")));
    root::make_dirs(&top, dir, 0o755).and_then(|dir| root::replace_file_owned(dir, name, &bytes, owner)).map_err(failed)
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot make the directory to unpack into")]
    Target(#[source] io::Error),
    #[error("cannot change {0}")]
    Change(String, #[source] io::Error),
    #[error("cannot write the layer's index")]
    Index(#[source] io::Error),
    #[error(transparent)]
    Unpack(#[from] unpack::Error),
}
