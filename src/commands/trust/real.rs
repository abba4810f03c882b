//! Where a path of the host's leads.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// As many symbolic links on the way as the kernel follows (path_resolution(7)).
const LINKS: usize = 40;

/// Where a bind mount's path, as a recipe in `root` has it, leads now: without symbolic links, `.` and `..`. What is not there
/// yet is taken as it is written, a link that leads nowhere as where it leads.
///
/// # Errors
/// More links than the kernel would follow.
pub(in crate::commands) fn real(root: &Path, home: &Path, from: &str) -> Result<PathBuf> {
    let path = match from.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None if from == "~" => home.to_owned(),
        None => root.join(from),
    };
    let mut left = components(&path);
    let mut reached = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            reached.pop();
            continue;
        }
        reached.push(&name);
        let Ok(target) = fs::read_link(&reached) else { continue };
        links += 1;
        if links > LINKS {
            return Err(Error::new(format!("{} leads in a circle", path.display())));
        }
        if target.is_absolute() {
            reached = PathBuf::from("/");
        } else {
            reached.pop();
        }
        for name in components(&target).into_iter().rev() {
            left.push_front(name);
        }
    }
    Ok(reached)
}

/// The names of a path, `..` among them.
fn components(path: &Path) -> VecDeque<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_and_dots_lead_where_the_kernel_would_go() {
        let dir = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(dir.path()).unwrap();
        let root = base.join("p");
        fs::create_dir_all(root.join("in/deep")).unwrap();
        fs::create_dir(base.join("out")).unwrap();
        symlink("../out", root.join("link")).unwrap();
        symlink("/nowhere/yet", root.join("dangling")).unwrap();
        symlink("in/deep", root.join("down")).unwrap();
        symlink("round", root.join("round")).unwrap();
        let real = |from: &str| real(&root, Path::new("/home/u"), from);
        for (from, to) in [
            ("in", root.join("in")),
            (".", root.clone()),
            ("./in/../in//deep", root.join("in/deep")),
            ("missing/x", root.join("missing/x")),
            ("missing/../../out", base.join("out")),
            ("link/x", base.join("out/x")),
            ("link/../p", root.clone()),
            ("down/..", root.join("in")),
            ("dangling/z", "/nowhere/yet/z".into()),
            ("~/.ssh", "/home/u/.ssh".into()),
            ("~", "/home/u".into()),
            ("/../..", "/".into()),
        ] {
            assert_eq!(real(from).unwrap(), to, "{from}");
        }
        assert!(real("round").is_err());
    }
}
