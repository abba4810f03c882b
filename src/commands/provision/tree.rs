//! A tree from a file that holds it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::commands::live::proof;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::{Change, Setup};
use crate::source::distro::Form;
use crate::sys::root::{self, Open, Owner};
use crate::unpack::{self, Options, Report, Root, Strip};
use crate::userns::Identity;
use crate::{launch, plan, userns};

/// Unpacks a file into `tree`, which is made for it, and changes what a recipe wants changed in it.
///
/// # Errors
/// Whatever is wrong with the archive or the disk. What there is of the tree by then stays.
pub(super) fn unpack(
    context: &Context<'_>,
    identity: &Identity,
    tree: &Path,
    file: File,
    form: Form,
    changes: &[Change],
) -> Result<Report> {
    let size = file.metadata().map_err(Error::new)?.len();
    let report: Report = userns::run(&proof()?, identity, |_| {
        let bar = context.ui.progress("unpacking", Some(size));
        fs::create_dir(tree).map_err(Failure::Target)?;
        let mut before = 0;
        let mut progress = |read: u64| {
            bar.advance(read.saturating_sub(before));
            before = read;
        };
        let root = Root::confine(tree)?;
        let report = match form {
            Form::Tarball { strip } => unpack::tar(&root, file, &options(strip), &mut progress)?,
            Form::Squashfs => return Err(Failure::Squashfs),
        };
        bar.finish();
        changes.iter().try_for_each(apply)?;
        Ok::<_, Failure>(report)
    })?;
    if report.devices_skipped > 0 {
        let count = report.devices_skipped;
        context.ui.step(&format!("left out {count} device nodes: boxes have a /dev of their own"));
    }
    Ok(report)
}

/// Runs what a recipe wants run in a fresh tree, each step as root of the user namespace.
///
/// # Errors
/// The first step that fails, with the end of its output.
pub(super) fn set_up(context: &Context<'_>, identity: &Identity, tree: &Path, steps: &[Setup]) -> Result<()> {
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

fn options(strip: Option<u8>) -> Options {
    let strip = match strip {
        None => Strip::Auto,
        Some(0) => Strip::Never,
        Some(components) => Strip::Components(components.into()),
    };
    Options { strip, ..Options::default() }
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
    #[error("squashfs images cannot be unpacked yet")]
    Squashfs,
    #[error(transparent)]
    Unpack(#[from] unpack::Error),
}
