//! Which init a box has, found in its layers while nothing of it runs.

use std::io;
use std::path::PathBuf;

use super::bring;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::plan::init::{self, InitPlan, InitRequest, Kind};
use crate::plan::{BoxPath, NotABoxPath};
use crate::recipe::settings::Init;
use crate::store::StoredBox;
use crate::unpack::{Tree, TreeFile};

/// An init in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The program, by the name that it was looked for by.
    pub(super) program: BoxPath,
    /// What it is.
    pub(super) kind: Kind,
}

/// The init of a box; `None` for an application box.
///
/// # Errors
/// The box has none, or a faulty `stop_signal`.
pub(crate) fn init(context: &Context<'_>, stored: &StoredBox) -> Result<Option<InitPlan>> {
    let config = &stored.config;
    if config.init == Init::None {
        return Ok(None);
    }
    let layers: Vec<PathBuf> = stored.paths.layers.iter().chain([&stored.paths.upper]).cloned().collect();
    let tree = tree(&layers)?;
    let found = match &config.init {
        Init::Program(path) => named(&tree, path)?,
        Init::Auto | Init::None => {
            first(&tree)?.ok_or_else(|| bring::missing(context, &tree, &format!("the box `{}`", stored.name)))?
        }
    };
    let image = &stored.image.config.stop_signal;
    let plan = InitPlan::new(&InitRequest {
        program: &found.program,
        kind: found.kind,
        stop_signal: config.stop_signal.as_deref().or((!image.is_empty()).then_some(image)),
        uuid: &uuid()?,
        env: &config.env,
    });
    Ok(Some(plan.map_err(Error::new)?))
}

/// The tree of these layers, the lowest first.
pub(super) fn tree(layers: &[PathBuf]) -> Result<Tree> {
    Tree::of(layers.iter().map(PathBuf::as_path))
        .map_err(|error| Error::new(format!("cannot look at the box's layers: {error}")))
}

/// The init that a tree has where inits are, if it has one.
pub(super) fn first(tree: &Tree) -> Result<Option<Found>> {
    for program in init::candidates() {
        if let File::Program(file) = file(tree, &program)? {
            return Ok(Some(Found { kind: kind(&file), program }));
        }
    }
    Ok(None)
}

/// The init that was named.
fn named(tree: &Tree, path: &str) -> Result<Found> {
    let program = BoxPath::new(path).map_err(|error: NotABoxPath| {
        Error::new(format!("`init` is to be auto, none, or a program of the box: {error}")).hint("init: auto")
    })?;
    let what = match file(tree, &program)? {
        File::Program(file) => return Ok(Found { kind: kind(&file), program }),
        File::Missing => "it is not there",
        File::Directory => "that is a directory",
        File::NotExecutable => "that is not executable",
    };
    Err(Error::new(format!("the box has no program `{program}`, which `init` names: {what}")).hint("init: auto"))
}

/// What a tree has somewhere.
enum File {
    Program(TreeFile),
    Missing,
    Directory,
    NotExecutable,
}

fn file(tree: &Tree, path: &BoxPath) -> Result<File> {
    match tree.file(path.as_path()) {
        Ok(Some(file)) if file.mode & 0o111 != 0 => Ok(File::Program(file)),
        Ok(Some(_)) => Ok(File::NotExecutable),
        Ok(None) => Ok(File::Missing),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(File::Directory),
        Err(error) => Err(Error::new(format!("cannot look for the box's init, {path}: {error}"))),
    }
}

fn kind(file: &TreeFile) -> Kind {
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    // One that nobody may read is run all the same.
    init::kind_of(&name, || file.read().unwrap_or_default())
}

/// An id that no other box has (random(4)).
fn uuid() -> Result<String> {
    let uuid = std::fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(Error::new)?;
    Ok(uuid.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use super::*;

    /// A tree with these programs (`path`, `path -> target`, or `path: content`), and the init that is found in it.
    fn found(files: &[&str]) -> Option<(String, Kind)> {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let (path, content) = file.split_once(": ").unwrap_or((file, "\x7fELF"));
            let (path, target) = path.split_once(" -> ").map_or((path, None), |(path, to)| (path, Some(to)));
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match target {
                Some(target) => symlink(target, &path).unwrap(),
                None => {
                    fs::write(&path, content).unwrap();
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
                }
            }
        }
        let found = first(&tree(&[dir.path().to_owned()]).unwrap()).unwrap()?;
        Some((found.program.to_string(), found.kind))
    }

    #[test]
    fn each_init_is_known_by_what_it_is() {
        let cases: &[(&[&str], &str, Kind)] = &[
            (&["sbin/init -> /lib/systemd/systemd", "lib/systemd/systemd"], "/sbin/init", Kind::Systemd),
            (&["usr/lib/systemd/systemd"], "/usr/lib/systemd/systemd", Kind::Systemd),
            (&["usr/sbin/openrc-init", "sbin -> usr/sbin"], "/sbin/openrc-init", Kind::OpenRc),
            (&["sbin/init -> /bin/busybox", "bin/busybox"], "/sbin/init", Kind::Busybox),
            (&["sbin/init: \x7fELF BusyBox v1.36.1 (2024) multi-call"], "/sbin/init", Kind::Busybox),
            (&["sbin/init -> /lib/runit/runit-init", "lib/runit/runit-init"], "/sbin/init", Kind::Runit),
            (
                &["sbin/init: #!/bin/execlineb -S0\ns6-linux-init -c /etc/s6-linux-init/current"],
                "/sbin/init",
                Kind::S6LinuxInit,
            ),
            (&["init: #!/command/with-contenv sh\nexec s6-overlay-suexec"], "/init", Kind::S6),
            (&["usr/bin/init -> dinit", "usr/bin/dinit", "bin -> usr/bin"], "/usr/bin/init", Kind::Dinit),
            (&["sbin/init: \x7fELF sysvinit-3.06 /run/initctl"], "/sbin/init", Kind::Sysv),
            (&["sbin/init -> ../usr/bin/tini", "usr/bin/tini"], "/sbin/init", Kind::Other),
            (&["sbin/init: #!/bin/sh\n"], "/sbin/init", Kind::Other),
        ];
        for (files, program, kind) in cases {
            assert_eq!(found(files), Some(((*program).to_owned(), *kind)), "{files:?}");
        }
    }

    #[test]
    fn what_is_no_program_of_the_tree_is_no_init() {
        assert_eq!(found(&["sbin/init -> /etc/passwd"]), None);
        assert_eq!(found(&["bin/sh"]), None);
        assert_eq!(found(&["sbin/init/x"]), None);
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sbin")).unwrap();
        fs::write(dir.path().join("sbin/init"), "x").unwrap();
        assert_eq!(first(&tree(&[dir.path().to_owned()]).unwrap()).unwrap(), None);
        assert!(named(&tree(&[dir.path().to_owned()]).unwrap(), "/sbin/init").is_err());
        assert!(named(&tree(&[Path::new("/").to_owned()]).unwrap(), "sbin/init").is_err());
    }
}
