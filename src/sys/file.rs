//! Files by path, where std has no word for it.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags};

/// Renames a file or directory, unless the new name is taken (renameat2(2), `RENAME_NOREPLACE`).
///
/// # Errors
/// `AlreadyExists`; rename(2)'s.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    Ok(rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

/// A file in memory that has no name (memfd_create(2)), with this content, read from its beginning.
///
/// # Errors
/// memfd_create(2)'s, write(2)'s.
pub fn in_memory(name: &str, content: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// Writes out everything that the file system of an open file has in memory (syncfs(2)).
///
/// # Errors
/// The first write error since the last sync.
pub fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file.as_fd())?)
}
