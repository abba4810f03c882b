//! Volumes as engines write them: `FROM:TO:OPTIONS`.

use crate::import::name;
use crate::recipe::settings::{At, Mount};

/// Options that say what is so in envbox.
const ANYWAY: [&str; 6] = ["", "ro", "rw", "z", "Z", "rprivate"];

/// `HOST:BOX[:OPTIONS]`, or a path that is the same on both sides; besides the mount, what of it is different.
///
/// # Errors
/// Why it is no mount of envbox's.
pub(in crate::import) fn volume(volume: &str) -> Result<(Mount, Option<String>), String> {
    let mut parts = volume.split(':');
    let from = home(parts.next().unwrap_or_default());
    let at = parts.next().map_or_else(|| from.clone(), home);
    let options: Vec<&str> = parts.next().unwrap_or_default().split(',').collect();
    let unknown: Vec<&str> = options.iter().copied().filter(|option| !ANYWAY.contains(option)).collect();
    let differs = (!unknown.is_empty()).then(|| format!("a mount has no option `{}`", unknown.join(",")));
    if from.is_empty() || from.contains('$') || at.contains('$') || parts.next().is_some() {
        return Err(format!("`{volume}` is no mount of a path on a path"));
    }
    let at = At::try_from(at).map_err(|error| error.to_string())?;
    let read_only = options.contains(&"ro");
    match from.starts_with(['/', '.', '~']) {
        true => Ok((Mount::Bind { from, at, read_only }, differs)),
        false => Ok((Mount::Cache { name: name(&from), at }, differs)),
    }
}

/// A path with the home as recipes write it.
fn home(path: &str) -> String {
    let rest = path.strip_prefix("$HOME").or_else(|| path.strip_prefix("${HOME}"));
    rest.map_or_else(|| path.to_owned(), |rest| format!("~{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_mounts() {
        let bind = |from: &str, at: &str, read_only| {
            let at = At::try_from(at.to_owned()).unwrap();
            Mount::Bind { from: from.to_owned(), at, read_only }
        };
        assert_eq!(volume("/a:/b:ro,z"), Ok((bind("/a", "/b", true), None)));
        assert_eq!(volume("$HOME/a"), Ok((bind("~/a", "~/a", false), None)));
        assert!(matches!(volume("data:/b:rslave"), Ok((Mount::Cache { .. }, Some(_)))));
        for wrong in ["", ":/b", "$X/a:/b", "/a:b", "/a:/b:ro:x"] {
            assert!(volume(wrong).is_err(), "{wrong}");
        }
    }
}
