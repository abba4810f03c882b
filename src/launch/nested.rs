//! What makes boxes in a box possible, or impossible.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::account::{field, update};

use crate::plan::{AGENT, BoxPath, HostPath, SUPERVISOR};
use crate::sys::root::{self, Open};
use crate::sys::{self, mount};
use crate::userns::{IdMap, Range, SubIds};

/// What the agent is called by, and where it is: setuid, or not.
const PROGRAMS: [(&str, &str); 3] = [("envbox", SUPERVISOR), ("newuidmap", AGENT), ("newgidmap", AGENT)];

/// Binds a store of the box's own. It is the user's who has made it until it has its owner.
pub(super) fn store(root: &OwnedFd, from: &HostPath, at: &BoxPath, (uid, gid): (u32, u32)) -> io::Result<()> {
    let dir = root::open_absolute(&from.0, Open::Path)?;
    let found = sys::fs::status(&dir)?;
    if (found.uid, found.gid) != (uid, gid) {
        sys::fs::set_owner(root::open_absolute(&from.0, Open::Directory)?, uid, gid)?;
    }
    mount::attach(mount::copy_open_tree(dir)?, root::open(root, at.as_path(), Open::Path)?)
}

/// Links to the agent, where the image has no such programs; without them where they are not wanted.
pub(super) fn programs(root: &OwnedFd, offered: bool) -> io::Result<()> {
    let exists = |dir: &str, name: &str| root::open(root, &Path::new(dir).join(name), Open::PathNoFollow).is_ok();
    let dir = root::make_dirs(root, Path::new("/usr/local/bin"), 0o755)?;
    for (name, target) in PROGRAMS {
        let ours = sys::fs::read_link(&dir, OsStr::new(name)).is_ok_and(|found| found == target);
        let theirs = !ours && ["/usr/local/bin", "/usr/bin", "/bin"].iter().any(|dir| exists(dir, name));
        match (offered, ours) {
            (true, false) if !theirs => root::replace_with_symlink(&dir, OsStr::new(name), Path::new(target))?,
            (false, true) => root::remove_symlink(&dir, OsStr::new(name))?,
            _ => {}
        }
    }
    Ok(())
}

/// Gives users their lines in `/etc/subuid` and `/etc/subgid`.
pub(super) fn sub_ids(root: &OwnedFd, users: &[(String, u32)], ids: &SubIds, map: &IdMap) -> io::Result<()> {
    let etc = root::make_dirs(root, Path::new("/etc"), 0o755)?;
    let has = |uid, gid| map.has(&SubIds { uid, gid });
    update(&etc, "subuid", 0o644, |old| with_ranges(old, users, ids.uid, &|range| has(range, ids.gid)))?;
    update(&etc, "subgid", 0o644, |old| with_ranges(old, users, ids.gid, &|range| has(ids.uid, range)))
}

/// The file with a line for each user who has none. One of ids that the box does not have is as good as none: a useradd(8)
/// in the box may have written it, or an envbox when the box had others.
fn with_ranges(old: &str, users: &[(String, u32)], range: Range, has: &dyn Fn(Range) -> bool) -> Option<String> {
    let granted = |line: &str| Some(Range { start: field(line, 1).parse().ok()?, count: field(line, 2).parse().ok()? });
    let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
    for (name, id) in users {
        let number = id.to_string();
        let theirs = |line: &str| field(line, 0) == name || field(line, 0) == number;
        let good = |line: &str| theirs(line) && granted(line).is_some_and(has);
        if !lines.iter().any(|line| good(line)) {
            lines.retain(|line| !theirs(line));
            lines.push(format!("{name}:{range}"));
        }
    }
    let new: String = lines.iter().map(|line| format!("{line}\n")).collect();
    (new != old).then_some(new)
}

/// Forbids user namespaces inside the one that the seal makes. Its limit is written outside of it, where box-root has no
/// say: what is made inside counts here as well (namespaces(7), `/proc/sys/user`).
pub(super) fn forbid() -> io::Result<()> {
    // The seal's own is the one.
    fs::write("/proc/sys/user/max_user_namespaces", "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_once_and_the_users_own_stay() {
        let users = [("al".to_owned(), 1000), ("root".to_owned(), 0)];
        let range = Range { start: 15_296, count: 45_888 };
        let has = |range: Range| range.start + range.count <= 65_536;
        let with = |old: &str| with_ranges(old, &users, range, &has);
        let new = with("").unwrap();
        assert_eq!(new, "al:15296:45888\nroot:15296:45888\n");
        assert_eq!(with(&new), None);
        assert_eq!(with("al:2000:1000\n0:1:9\n"), None);
        assert_eq!(
            with("1000:2000:1000\nbo:100000:65536\n").unwrap(),
            "1000:2000:1000\nbo:100000:65536\nroot:15296:45888\n"
        );
        assert_eq!(with("al:100000:65536\nroot:1:2\n").unwrap(), "root:1:2\nal:15296:45888\n");
        assert_eq!(with("al:x:1\nroot:1:2").unwrap(), "root:1:2\nal:15296:45888\n");
    }
}
