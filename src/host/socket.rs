//! Sockets of the user's session, and what proves to their servers who one is.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The first of these paths that is a socket's, with no link in it, and the device and inode numbers that identify it.
pub fn socket(candidates: &[PathBuf]) -> Option<(PathBuf, (u64, u64))> {
    candidates.iter().find_map(|path| {
        let real = fs::canonicalize(path).ok()?;
        let found = fs::symlink_metadata(&real).ok()?;
        found.file_type().is_socket().then(|| (real, (found.dev(), found.ino())))
    })
}

/// Bytes of a file of cookies that are read at the most.
const LARGEST: u64 = 64 << 10;

/// The content of a file of cookies, if there is any.
pub fn cookie(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    // A FIFO in its place must not make us wait.
    let file = File::options().read(true).custom_flags(O_NONBLOCK).open(path).ok()?;
    let found = file.metadata().ok()?;
    (found.is_file() && file.take(LARGEST).read_to_end(&mut bytes).is_ok() && !bytes.is_empty()).then_some(bytes)
}

/// open(2).
const O_NONBLOCK: i32 = 0o4000;
