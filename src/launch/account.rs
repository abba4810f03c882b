//! The user's entries in the box's account files (passwd(5), group(5), shadow(5)).
//!
//! The files belong to no package, or to one as configuration; they are changed only where an entry is missing or
//! different, in one step, with their owner and mode kept.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::shells;
use crate::plan::Account;
use crate::sys::root::{self, Open};

/// Makes the user known in the box.
///
/// # Errors
/// Those of reading and replacing the three files.
pub(super) fn ensure(root: &OwnedFd, account: &Account) -> io::Result<()> {
    let etc = root::make_dirs(root, Path::new("/etc"), 0o755)?;
    let shell = shells::first(root, &account.shells).unwrap_or(Path::new("/bin/sh"));
    let Account { name, uid, gid, group, gecos, home, .. } = account;
    let passwd = format!("{name}:x:{uid}:{gid}:{gecos}:{home}:{}", shell.display());
    update(&etc, "passwd", 0o644, |old| with_entry(old, &passwd, &uid.to_string()))?;
    update(&etc, "group", 0o644, |old| with_group(old, group, *gid))?;
    // Without a line here PAM refuses the account. `*` matches no password.
    let shadow = format!("{name}:*::0:99999:7:::");
    if root::open(&etc, Path::new("shadow"), Open::PathNoFollow).is_ok() {
        update(&etc, "shadow", 0o640, |old| with_shadow(old, name, &shadow))?;
    }
    Ok(())
}

/// Replaces a file by what `change` makes of it, if that is anything new.
pub(super) fn update(
    etc: &OwnedFd,
    name: &str,
    mode: u32,
    change: impl FnOnce(&str) -> Option<String>,
) -> io::Result<()> {
    let (old, kept) = match root::read_with_owner(etc, Path::new(name)) {
        Ok((bytes, owner)) => (String::from_utf8_lossy(&bytes).into_owned(), Some(owner)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), None),
        Err(error) => {
            let what = format!("/etc/{name} cannot be read as a file: {error}");
            return Err(io::Error::new(error.kind(), what));
        }
    };
    let Some(new) = change(&old) else { return Ok(()) };
    let owner = kept.unwrap_or(root::Owner { uid: 0, gid: 0, mode });
    root::replace_file_owned(etc, OsStr::new(name), new.as_bytes(), owner)
}

pub(super) fn field(line: &str, n: usize) -> &str {
    line.split(':').nth(n).unwrap_or_default()
}

/// `passwd` with this entry, before any other of the same name or the same id: look-ups find the first. The image's own
/// user of that id stays as another name for it, which the image's command may want to be.
fn with_entry(old: &str, entry: &str, uid: &str) -> Option<String> {
    let name = field(entry, 0);
    let same_name = |line: &str| field(line, 0) == name;
    let same_id = |line: &str| field(line, 2) == uid;
    if old.lines().find(|line| same_name(line) || same_id(line)) == Some(entry) {
        return None;
    }
    let mut lines: Vec<&str> = old.lines().filter(|line| !(same_name(line) && same_id(line))).collect();
    let taken = lines.iter().position(|line| same_name(line) || same_id(line));
    lines.insert(taken.unwrap_or(lines.len()), entry);
    Some(lines.join("\n") + "\n")
}

/// `group` with a name for the user's primary group, unless it has one.
fn with_group(old: &str, group: &str, gid: u32) -> Option<String> {
    let id = gid.to_string();
    if old.lines().any(|line| field(line, 2) == id) {
        return None;
    }
    let taken = old.lines().any(|line| field(line, 0) == group);
    // Two groups of one name would make look-ups by name ambiguous.
    let name = if taken { format!("{group}-{gid}") } else { group.to_owned() };
    let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    Some(format!("{old}{end}{name}:x:{gid}:\n"))
}

fn with_shadow(old: &str, name: &str, entry: &str) -> Option<String> {
    if old.lines().any(|line| field(line, 0) == name) {
        return None;
    }
    let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    Some(format!("{old}{end}{entry}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AL: &str = "al:x:1000:1000:Al:/home/al:/bin/bash";

    #[test]
    fn an_entry_is_added_once() {
        let new = with_entry("root:x:0:0::/root:/bin/sh\n", AL, "1000").unwrap();
        assert_eq!(new, format!("root:x:0:0::/root:/bin/sh\n{AL}\n"));
        assert_eq!(with_entry(&new, AL, "1000"), None);
        assert_eq!(with_entry("", AL, "1000").unwrap(), format!("{AL}\n"));
    }

    #[test]
    fn the_images_own_user_of_that_id_is_another_name_for_it() {
        let theirs = "ubuntu:x:1000:1000::/home/ubuntu:/bin/bash";
        let new = with_entry(&format!("{theirs}\nx:x:1001:1::/:/"), AL, "1000").unwrap();
        assert_eq!(new, format!("{AL}\n{theirs}\nx:x:1001:1::/:/\n"));
        assert_eq!(with_entry(&new, AL, "1000"), None);
        // With another shell, there is still only one of ours.
        let zsh = AL.replace("bash", "zsh");
        assert_eq!(with_entry(&new, &zsh, "1000").unwrap(), new.replace(AL, &zsh));
        // Whatever has come before ours since then does not stay there.
        let usurped = format!("x:x:1000:0::/:/\n{AL}\n");
        assert_eq!(with_entry(&usurped, AL, "1000").unwrap(), format!("{AL}\nx:x:1000:0::/:/\n"));
    }

    #[test]
    fn ours_comes_before_another_user_of_the_same_name() {
        let new = with_entry("root:x:0:0::/:/\nal:x:34:34::/:/\n", AL, "1000").unwrap();
        assert_eq!(new, format!("root:x:0:0::/:/\n{AL}\nal:x:34:34::/:/\n"));
    }

    #[test]
    fn groups() {
        assert_eq!(with_group("users:x:1000:\n", "al", 1000), None);
        assert_eq!(with_group("root:x:0:", "al", 1000).unwrap(), "root:x:0:\nal:x:1000:\n");
        assert_eq!(with_group("staff:x:50:\n", "staff", 1000).unwrap(), "staff:x:50:\nstaff-1000:x:1000:\n");
    }

    #[test]
    fn shadow() {
        assert_eq!(with_shadow("al:!:1::::::\n", "al", "al:*:::::::"), None);
        assert_eq!(with_shadow("", "al", "al:*").unwrap(), "al:*\n");
    }
}
