//! Programs of the host's that envbox runs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::Host;
use crate::sys::id;

/// Who writes the id maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdHelpers {
    /// This process: it is root.
    Direct,
    /// The setuid (or file-capability) programs of the `uidmap` package.
    Programs {
        /// newuidmap(1).
        newuidmap: PathBuf,
        /// newgidmap(1).
        newgidmap: PathBuf,
    },
}

impl Host {
    /// Who writes this user's id maps.
    ///
    /// # Errors
    /// The name of the program that is missing.
    pub fn id_helpers(&self) -> Result<IdHelpers, &'static str> {
        if id::effective_uid() == 0 {
            return Ok(IdHelpers::Direct);
        }
        let find = |name: &'static str| self.find_program(name).ok_or(name);
        Ok(IdHelpers::Programs { newuidmap: find("newuidmap")?, newgidmap: find("newgidmap")? })
    }

    /// A program by name: on `PATH`, else where distributions put what an ordinary user's `PATH` may lack.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        const ELSEWHERE: [&str; 5] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/wrappers/bin"];
        let on_path = std::env::split_paths(self.var("PATH").unwrap_or(OsStr::new("")));
        on_path
            .filter(|dir| dir.is_absolute())
            .chain(ELSEWHERE.iter().map(PathBuf::from))
            .map(|dir| dir.join(name))
            .find(|path| is_executable(path))
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
