//! The project that the working directory is in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Found, faulty};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::{Host, User};
use crate::recipe::project::{FILE, Project};
use crate::sys::root::{self, Open, Owner};

/// Bytes at the most in a recipe.
const LARGEST: usize = 1 << 20;

/// A recipe that is there and cannot be used, whatever it says.
#[derive(Debug, thiserror::Error)]
pub(in crate::commands) enum NotUsable {
    /// It cannot be read.
    #[error("cannot read the recipe {}", path.display())]
    Read {
        /// The recipe.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a directory, a FIFO, a device.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// It is elsewhere.
    #[error("{} is a link to nothing in the project", .0.display())]
    Link(PathBuf),
    /// It is larger than any recipe.
    #[error("{} has more than {LARGEST} bytes", .0.display())]
    TooLarge(PathBuf),
    /// It is not UTF-8.
    #[error("{} is not UTF-8", .0.display())]
    NotText(PathBuf),
    /// Somebody else decides what is in it.
    #[error("the recipe {} belongs to the user {uid}, who is neither you nor root", path.display())]
    Foreign {
        /// The recipe.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
    /// Anybody decides what is in it.
    #[error("everybody can write to the recipe {}", .0.display())]
    Writable(PathBuf),
    /// Its directory cannot be bound at its own path.
    #[error("a recipe in {} would be one of the whole machine", .0.display())]
    WholeMachine(PathBuf),
    /// The directory's path is no text.
    #[error("the path of the project {} is not UTF-8", .0.display())]
    NoName(PathBuf),
}

/// The project of the working directory: the nearest directory upward that has a recipe, no further than the user's home.
///
/// # Errors
/// [`NotUsable`]; or what is wrong in the recipe, with line and column.
pub(in crate::commands) fn find(context: &Context<'_>) -> Result<Option<Found>> {
    of_host(context.host)
}

/// The same, where there need not be a store.
///
/// # Errors
/// As [`find`].
pub(in crate::commands) fn of_host(host: &Host) -> Result<Option<Found>> {
    let Some(root) = root_of(host) else { return Ok(None) };
    read(&host.user, root, Path::new(FILE)).map(Some)
}

/// The project of a directory that is known to have been one.
///
/// # Errors
/// As [`find`].
pub(super) fn at(context: &Context<'_>, root: &Path) -> Result<Option<Found>> {
    let there = fs::canonicalize(root).is_ok_and(|real| real == *root) && has_recipe(root);
    if there { read(&context.host.user, root.to_owned(), Path::new(FILE)).map(Some) } else { Ok(None) }
}

/// The directory of that project, whatever is in its recipe.
pub(in crate::commands) fn root_of(host: &Host) -> Option<PathBuf> {
    // A link in the path leads into a project, and not its name out of one.
    let here = fs::canonicalize(&host.cwd).ok()?;
    let home = fs::canonicalize(&host.user.home).ok();
    for dir in here.ancestors() {
        if has_recipe(dir) {
            return Some(dir.to_owned());
        }
        if home.as_deref() == Some(dir) {
            return None;
        }
    }
    None
}

/// Whether there is anything of that name. A directory that cannot be looked into is passed by.
fn has_recipe(dir: &Path) -> bool {
    fs::symlink_metadata(dir.join(FILE)).is_ok()
}

/// A recipe of the project, by its path from the root.
pub(super) fn read(user: &User, root: PathBuf, name: &Path) -> Result<Found> {
    let uid = user.uid;
    let file = root.join(name);
    if root.parent().is_none() {
        return Err(NotUsable::WholeMachine(root).into());
    }
    if root.to_str().is_none() {
        return Err(NotUsable::NoName(root).into());
    }
    // Before anything is made of what it says: that it cannot be used is an error of its own.
    let main = text(uid, &root, name)?;
    let read = |path: &Path| match path == name {
        true => Ok(main.clone()),
        false => text(uid, &root, path).map_err(|error| error.to_string()),
    };
    let recipe = Project::load(&root, name, &read).map_err(|faults| faulty(&faults))?;
    Ok(Found { root, file, recipe, home: user.home.clone() })
}

/// The text of a file of the project, by its path from the root, for which no link leads out of it.
fn text(uid: u32, root: &Path, path: &Path) -> std::result::Result<String, NotUsable> {
    let file = root.join(path);
    let fail = |source: io::Error| match source.kind() {
        io::ErrorKind::InvalidData => NotUsable::NotAFile(file.clone()),
        io::ErrorKind::NotFound if file.is_symlink() => NotUsable::Link(file.clone()),
        _ => NotUsable::Read { path: file.clone(), source },
    };
    let dir = root::open_absolute(root, Open::Path).map_err(fail)?;
    let (bytes, owner) = root::read_with_owner(&dir, path).map_err(fail)?;
    may_decide(uid, owner, &file)?;
    if bytes.len() > LARGEST {
        return Err(NotUsable::TooLarge(file));
    }
    String::from_utf8(bytes).map_err(|_| NotUsable::NotText(file))
}

/// Whether nobody but the user and root decides what is in a file. Others may have put a recipe into a directory above
/// the user's own, as into `/tmp`.
fn may_decide(uid: u32, owner: Owner, file: &Path) -> std::result::Result<(), NotUsable> {
    if owner.uid != uid && owner.uid != 0 {
        return Err(NotUsable::Foreign { path: file.to_owned(), uid: owner.uid });
    }
    if owner.mode & 0o002 != 0 {
        return Err(NotUsable::Writable(file.to_owned()));
    }
    Ok(())
}

impl From<NotUsable> for Error {
    fn from(error: NotUsable) -> Self {
        let hint = match &error {
            NotUsable::Foreign { path, .. } => {
                Some(format!("if it is to be trusted: as root, chown root {}", quoted(path)))
            }
            NotUsable::Writable(path) => Some(format!("chmod o-w {}", quoted(path))),
            _ => None,
        };
        hint.into_iter().fold(Self::new(error), Self::hint)
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
