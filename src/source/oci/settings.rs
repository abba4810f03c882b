//! Where a user's settings for registries are: those that podman, skopeo, buildah and docker have.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Fault;

/// The largest file of settings that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// The files to look in. Plain data: `host` reads the environment, and this only says which variables mean what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Logins; of those that know a registry, the first counts (containers-auth.json(5)).
    pub auth: Vec<PathBuf>,
    /// Mirrors and short names; the first that exists counts (containers-registries.conf(5)) …
    pub registries: Vec<PathBuf>,
    /// … and what is in these directories is laid over it, in this order (containers-registries.conf.d(5)).
    pub registries_dirs: Vec<PathBuf>,
    /// Directories with a directory for each registry; the first that has one counts (containers-certs.d(5)).
    pub certificates: Vec<PathBuf>,
}

impl Settings {
    /// From the customary variables and places.
    pub fn customary(var: impl Fn(&str) -> Option<PathBuf>, home: &Path, uid: u32) -> Self {
        let var = |name: &str| var(name).filter(|value| !value.as_os_str().is_empty());
        let config = var("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("containers");
        let etc = Path::new("/etc/containers");
        let runtime = var("XDG_RUNTIME_DIR")
            .map_or_else(|| PathBuf::from(format!("/run/containers/{uid}")), |dir| dir.join("containers"));
        let docker = var("DOCKER_CONFIG").unwrap_or_else(|| home.join(".docker"));
        let usual =
            [runtime.join("auth.json"), config.join("auth.json"), docker.join("config.json"), home.join(".dockercfg")];
        let named = var("CONTAINERS_REGISTRIES_CONF");
        let drop_ins = vec![etc.join("registries.conf.d"), config.join("registries.conf.d")];
        Self {
            auth: var("REGISTRY_AUTH_FILE").map_or_else(|| usual.to_vec(), |file| vec![file]),
            registries_dirs: if named.is_some() { vec![] } else { drop_ins },
            registries: named
                .map_or_else(|| vec![config.join("registries.conf"), etc.join("registries.conf")], |file| vec![file]),
            certificates: vec![config.join("certs.d"), etc.join("certs.d"), "/etc/docker/certs.d".into()],
        }
    }
}

/// The text of a file of settings; `None` where there is none, or none that this user may read: podman run by root leaves
/// directories behind that are closed to everybody else.
pub(super) fn read(path: &Path) -> Result<Option<String>, Fault> {
    let read = || -> io::Result<String> {
        match fs::metadata(path)?.len() {
            size if size > LARGEST => Err(io::ErrorKind::FileTooLarge.into()),
            _ => fs::read_to_string(path),
        }
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(Fault::Settings { path: path.to_owned(), what: error.to_string() }),
        },
    }
}

/// The names in a directory of settings that end so, sorted; none where there is no directory.
pub(super) fn list(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == extension)).collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)]) -> Settings {
        let var = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value));
        Settings::customary(var, Path::new("/home/al"), 1000)
    }

    #[test]
    fn the_customary_places() {
        let plain = with(&[]);
        assert_eq!(plain.auth[0], Path::new("/run/containers/1000/auth.json"));
        assert_eq!(plain.auth[2], Path::new("/home/al/.docker/config.json"));
        assert_eq!(plain.registries[0], Path::new("/home/al/.config/containers/registries.conf"));
        let set = with(&[("XDG_RUNTIME_DIR", "/run/user/1000"), ("DOCKER_CONFIG", "/d"), ("XDG_CONFIG_HOME", "/c")]);
        assert_eq!(set.auth[0], Path::new("/run/user/1000/containers/auth.json"));
        assert_eq!(set.auth[1..3], [PathBuf::from("/c/containers/auth.json"), "/d/config.json".into()]);
        let named = with(&[("REGISTRY_AUTH_FILE", "/a.json"), ("CONTAINERS_REGISTRIES_CONF", "/r.conf")]);
        assert_eq!((named.auth, named.registries_dirs), (vec![PathBuf::from("/a.json")], vec![]));
        assert_eq!(named.registries, [PathBuf::from("/r.conf")]);
    }
}
