//! A locale the box has, in the place of one it has not.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::sys::root;

/// Where the GNU C library has its locales (locale(7)). A box without it (musl) takes any name.
const LOCALES: &str = "/usr/lib/locale";

/// Sets every locale variable that names a locale the box does not have to `C.UTF-8`. Programs would fall back to plain
/// `C` otherwise, most of them with a warning, and break what is not ASCII.
pub(super) fn adapt(env: &mut [(OsString, OsString)]) {
    let dir = Path::new(LOCALES);
    if dir.is_dir() {
        let mut archive = None;
        replace_missing(env, &mut |name| {
            dir.join(name).is_dir()
                || contains(
                    archive.get_or_insert_with(|| std::fs::read(dir.join("locale-archive")).unwrap_or_default()),
                    name,
                )
        });
    }
}

fn replace_missing(env: &mut [(OsString, OsString)], exists: &mut dyn FnMut(&str) -> bool) {
    for (name, value) in env {
        let is_locale = name == "LANG" || name.as_bytes().starts_with(b"LC_");
        let Some(locale) = value.to_str().filter(|_| is_locale) else { continue };
        if !available(locale, exists) {
            *value = "C.UTF-8".into();
        }
    }
}

fn available(locale: &str, exists: &mut dyn FnMut(&str) -> bool) -> bool {
    if matches!(locale, "" | "C" | "POSIX" | "C.UTF-8" | "C.utf8") {
        return true;
    }
    // A path is the user's own affair, and does not become one of ours.
    locale.contains('/') || exists(locale) || exists(&normalised(locale))
}

/// The name under which localedef(1) stores a locale: the codeset in lower case, letters and digits only.
fn normalised(locale: &str) -> String {
    let Some((language, rest)) = locale.split_once('.') else { return locale.to_owned() };
    let (codeset, modifier) = rest.split_once('@').map_or((rest, None), |(codeset, at)| (codeset, Some(at)));
    let codeset: String = codeset.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let modifier = modifier.map(|at| format!("@{at}")).unwrap_or_default();
    format!("{language}.{codeset}{modifier}")
}

/// Whether the archive of compiled locales has this name in its string table.
fn contains(archive: &[u8], name: &str) -> bool {
    let needle = [name.as_bytes(), b"\0"].concat();
    archive.windows(needle.len()).any(|window| window == needle)
}

/// Puts a terminal's description where the box's programs find it, if the box has none of that name (terminfo(5)), and
/// says so in the environment.
pub(super) fn provide_terminfo(
    run_dir: &std::os::fd::OwnedFd,
    run_path: &str,
    term: &str,
    description: &[u8],
    env: &mut Vec<(OsString, OsString)>,
) {
    let Some(initial) = term.chars().next() else { return };
    let has = |dir: &&str| Path::new(dir).join(format!("{initial}/{term}")).exists();
    if ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo"].iter().any(has) {
        return;
    }
    let place = format!("terminfo/{initial}");
    let written = root::make_dirs(run_dir, Path::new(&place), 0o755)
        .and_then(|dir| root::replace_file(&dir, term.as_ref(), description, 0o644));
    if written.is_ok() {
        // The empty entry stands for where the box's own library looks.
        let dirs = format!("{run_path}/terminfo:");
        match env.iter_mut().find(|(name, _)| name == "TERMINFO_DIRS") {
            Some((_, value)) => *value = [OsString::from(dirs), value.clone()].into_iter().collect(),
            None => env.push(("TERMINFO_DIRS".into(), dirs.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_locale_gives_way_to_one_that_is_there() {
        let of = |pairs: &[(&str, &str)], have: &[&str]| {
            let mut env: Vec<(OsString, OsString)> = pairs.iter().map(|(k, v)| (k.into(), v.into())).collect();
            replace_missing(&mut env, &mut |name| have.contains(&name));
            env.into_iter().map(|(_, value)| value.into_string().unwrap()).collect::<Vec<_>>()
        };
        let wanted =
            [("LANG", "de_DE.UTF-8"), ("LC_TIME", "en_GB.ISO-8859-15@euro"), ("LANGUAGE", "de"), ("LC_ALL", "")];
        assert_eq!(of(&wanted, &[]), ["C.UTF-8", "C.UTF-8", "de", ""]);
        assert_eq!(of(&wanted, &["de_DE.utf8"])[0], "de_DE.UTF-8");
        assert_eq!(of(&wanted, &["en_GB.iso885915@euro"])[1], "en_GB.ISO-8859-15@euro");
        assert_eq!(of(&[("LANG", "C"), ("LC_CTYPE", "C.UTF-8")], &[]), ["C", "C.UTF-8"]);
    }

    #[test]
    fn the_archive_is_searched_for_whole_names() {
        assert!(contains(b"\0de_DE.utf8\0en\0", "de_DE.utf8"));
        assert!(!contains(b"\0de_DE.utf8@euro\0", "de_DE.utf8"));
    }
}
