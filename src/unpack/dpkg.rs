//! dpkg's database, as if dpkg itself had unpacked the packages.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use super::dirs::Dirs;
use super::name::split;
use super::{Error, Root, Unpacked};
use crate::sys::fs;

/// Where it is.
const ADMIN: &str = "var/lib/dpkg";

/// Writes the database for a tree into which these packages, and no others, were unpacked: every one of them is then
/// `install ok unpacked`, and `dpkg --configure -a` finishes what is left. `arch` is dpkg's name of the architecture.
///
/// # Errors
/// [`Error::Write`].
pub fn write_database(root: &Root, packages: &[Unpacked], arch: &str) -> Result<(), Error> {
    let mut admin = Admin { dirs: Dirs::new(root) };
    for dir in ["updates", "triggers", "parts", "alternatives"] {
        admin.directory(dir)?;
    }
    admin.file("arch", 0o644, format!("{arch}\n").as_bytes())?;
    // dpkg reads it as the list of what could be installed, and minds its absence.
    admin.file("available", 0o644, b"")?;
    admin.file("info/format", 0o644, b"1\n")?;
    for package in packages {
        let stem = stem(package);
        admin.file(&format!("info/{stem}.list"), 0o644, &list(package))?;
        for script in &package.scripts {
            admin.file(&format!("info/{stem}.{}", script.name), script.mode, &script.content)?;
        }
    }
    for (name, lines) in triggers(packages) {
        admin.file(&format!("triggers/{name}"), 0o644, lines.as_bytes())?;
    }
    let status: Vec<u8> = packages.iter().flat_map(status).collect();
    admin.file("status", 0o644, &status)
}

struct Admin<'a> {
    dirs: Dirs<'a>,
}

impl Admin<'_> {
    fn directory(&mut self, path: &str) -> Result<(), Error> {
        self.dirs.parent(format!("{ADMIN}/{path}").as_bytes()).map(drop)
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<(), Error> {
        let path = format!("{ADMIN}/{path}");
        let failed = |source| Error::write("write", path.as_bytes(), source);
        let (dir, name) = split(path.as_bytes());
        let (dir, name) = (self.dirs.parent(dir)?, OsStr::from_bytes(name));
        match fs::remove_file(&*dir, name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut file = fs::create_file(&*dir, name, mode).map_err(failed)?;
        file.write_all(content).map_err(failed)
    }
}

/// What a package's files in the database are called: with the architecture, where several may be installed side by side.
fn stem(package: &Unpacked) -> String {
    match (package.field("Multi-Arch"), package.field("Architecture")) {
        (Some("same"), Some(arch)) => format!("{}:{arch}", package.package()),
        _ => package.package().to_owned(),
    }
}

/// `info/*.list`: every path, the root first as `/.`.
fn list(package: &Unpacked) -> Vec<u8> {
    let mut list = Vec::new();
    for file in &package.files {
        list.push(b'/');
        list.extend_from_slice(if file.path.is_empty() { b"." } else { &file.path });
        list.push(b'\n');
    }
    list
}

/// A stanza of `status` (dpkg-query(1), "Conffiles"): the checksum of a configuration file that dpkg has not installed yet
/// is `newconffile`.
fn status(package: &Unpacked) -> Vec<u8> {
    let mut stanza = Vec::new();
    for line in package.control.lines() {
        stanza.extend_from_slice(line.as_bytes());
        stanza.push(b'\n');
        if line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case("Package")) {
            stanza.extend_from_slice(b"Status: install ok unpacked\n");
        }
    }
    if !package.conffiles.is_empty() {
        stanza.extend_from_slice(b"Conffiles:\n");
    }
    for conffile in &package.conffiles {
        stanza.extend_from_slice(&[b" /", conffile.as_slice(), b" newconffile\n"].concat());
    }
    stanza.push(b'\n');
    stanza
}

/// Who is interested in which trigger (deb-triggers(5)): a file by the trigger's name with the packages in it, and one file
/// for all triggers that are paths. dpkg writes these when it unpacks, and not again when it configures.
fn triggers(packages: &[Unpacked]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for package in packages {
        let text = String::from_utf8_lossy(package.script("triggers").unwrap_or_default());
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let suffix = match words.next() {
                Some("interest" | "interest-await") => "",
                Some("interest-noawait") => "/noawait",
                _ => continue,
            };
            let Some(trigger) = words.next() else { continue };
            let package = stem(package);
            if trigger.starts_with('/') {
                files.entry("File".to_owned()).or_default().push_str(&format!("{trigger} {package}{suffix}\n"));
            } else if !trigger.contains('/') && !trigger.starts_with('.') {
                files.entry(trigger.to_owned()).or_default().push_str(&format!("{package}{suffix}\n"));
            }
        }
    }
    files
}
