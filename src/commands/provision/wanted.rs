//! What a user means by the name of an image.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::image::{Digest, Reference};
use crate::recipe::{Catalogue, Match, NoMatch};
use crate::source::layout::Which;
use crate::source::tarball::Location;

/// What kind of image a user means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// A distribution, by its recipe.
    Distro(Match<'a>),
    /// An image at a registry, by a name that the user may have an alias for, and by what it means otherwise.
    Short(&'a str, Reference),
    /// An image at a registry.
    Registry(Reference),
    /// An image in an OCI layout.
    Layout { dir: PathBuf, which: Which },
    /// A file, or what is behind a URL.
    Archive { location: Location, form: Form, which: Which },
}

/// What an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A root file system or a bundle: what is in it will tell.
    Any,
    /// An OCI layout.
    Oci,
    /// What `docker save` writes.
    Docker,
}

impl Form {
    /// What a user writes before the archive's place.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Oci => "oci-archive:",
            Self::Docker => "docker-archive:",
        }
    }
}

const HINT: &str = "recipes: debian, ubuntu:24.04, … (envbox search); an image at a registry: docker://alpine, quay.io/x/y:1; \
    a tarball: a file or a URL; oci:DIRECTORY, oci-archive:FILE, docker-archive:FILE";

impl<'a> Wanted<'a> {
    /// Parses what the user has typed. A bare word is a recipe or a file, and is never asked for at a registry: it would be
    /// anybody's who has taken that name there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &'a str, recipes: &'a Catalogue) -> Result<Self> {
        match recipes.find(text) {
            Ok(found) => return Ok(Self::Distro(found)),
            Err(NoMatch::Recipe { .. }) => {}
            Err(error) => return Err(Error::new(error)),
        }
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        let archive = |form| {
            let (path, which) = split(rest, Path::exists)?;
            Ok(Self::Archive { location: Location::parse(path), form, which })
        };
        match scheme {
            "docker" if rest.starts_with("//") => return Ok(Self::Registry(reference(&rest[2..])?)),
            "http" | "https" if rest.starts_with("//") => return Ok(Self::file(text)),
            "oci" => {
                let (dir, which) = split(rest, Path::exists)?;
                return Ok(Self::Layout { dir: dir.into(), which });
            }
            "oci-archive" => return archive(Form::Oci),
            "docker-archive" => return archive(Form::Docker),
            _ => {}
        }
        let path = Path::new(text);
        let is_path = text.starts_with(['/', '.']) || is_archive_name(path);
        // A tag, a digest or a registry's name is a reference even where a file has that name: whose directory the user is
        // in shall not decide what they get.
        if !is_path && (Reference::names_registry(text) || text.contains([':', '@'])) {
            let reference = reference(text)?;
            return Ok(if text.contains('/') { Self::Registry(reference) } else { Self::Short(text, reference) });
        }
        match path.is_dir() {
            _ if !is_path && !path.exists() && text.contains('/') => Ok(Self::Registry(reference(text)?)),
            _ if !is_path && !path.exists() => {
                let error = Error::new(format!("there is no box, no recipe and no file named `{text}`"));
                Err(error.hint(HINT))
            }
            true if path.join("oci-layout").exists() => Ok(Self::Layout { dir: path.to_owned(), which: Which::Only }),
            _ => Ok(Self::file(text)),
        }
    }

    fn file(text: &str) -> Self {
        Self::Archive { location: Location::parse(text), form: Form::Any, which: Which::Only }
    }
}

fn reference(text: &str) -> Result<Reference> {
    text.parse().map_err(|error| Error::new(error).hint(HINT))
}

/// A path, and which image in it: what comes after a colon is its name, and after an at sign its digest. A path that is
/// there as it stands is taken as it stands.
fn split(text: &str, exists: impl Fn(&Path) -> bool) -> Result<(&str, Which)> {
    if exists(Path::new(text)) {
        return Ok((text, Which::Only));
    }
    if let Some((path, digest)) = text.rsplit_once("@sha256:") {
        return Ok((path, Which::Digest(Digest::from_hex(digest).map_err(Error::new)?)));
    }
    Ok(match text.split_once(':') {
        Some((path, name)) => (path, Which::Named(name.to_owned())),
        None => (text, Which::Only),
    })
}

/// Whether a name looks like that of an archive, so that one that is missing is a missing file.
fn is_archive_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    [".tar", ".tgz", ".txz", ".tzst", ".tbz2", ".wsl"].iter().any(|ending| match *ending {
        ".tar" => name.ends_with(".tar") || name.contains(".tar."),
        ending => name.ends_with(ending),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        Wanted::parse(text, &Catalogue::new([])).map_or_else(
            |error| format!("error: {}", error.chain().next().unwrap()),
            |wanted| match wanted {
                Wanted::Distro(found) => format!("distro {}", found.name()),
                Wanted::Short(name, reference) => format!("{name} or {reference}"),
                Wanted::Registry(reference) => format!("registry {reference}"),
                Wanted::Layout { dir, which } => format!("layout {} {which:?}", dir.display()),
                Wanted::Archive { location, form, which } => format!("{form:?} {location} {which:?}"),
            },
        )
    }

    #[test]
    fn what_users_mean() {
        let digest = Digest::of(b"");
        for (text, meant) in [
            ("debian", "distro debian:stable"),
            ("debian:bookworm", "distro debian:12"),
            ("noble", "distro ubuntu:24.04"),
            ("./x", "Any ./x Only"),
            ("/x/y.tar.xz", "Any /x/y.tar.xz Only"),
            ("rootfs.tar.zst", "Any rootfs.tar.zst Only"),
            ("images/rootfs.TGZ", "Any images/rootfs.TGZ Only"),
            ("https://example.org/x", "Any https://example.org/x Only"),
            ("docker://alpine", "registry docker.io/library/alpine:latest"),
            ("python:3.12", "python:3.12 or docker.io/library/python:3.12"),
            ("quay.io/x/y", "registry quay.io/x/y:latest"),
            ("127.0.0.1:5000/x", "registry 127.0.0.1:5000/x:latest"),
            ("nobody/has-this", "registry docker.io/nobody/has-this:latest"),
            ("oci:/x", "layout /x Only"),
            ("oci:dir:v1.2", "layout dir Named(\"v1.2\")"),
            ("oci:dir:quay.io/x/y:1", "layout dir Named(\"quay.io/x/y:1\")"),
            (&format!("oci:dir@{digest}"), &format!("layout dir Digest({digest:?})")),
            ("oci-archive:f.tar.xz", "Oci f.tar.xz Only"),
            ("docker-archive:/x/f.tar:busybox:1", "Docker /x/f.tar Named(\"busybox:1\")"),
        ] {
            assert_eq!(parsed(text), meant, "{text}");
        }
    }

    #[test]
    fn what_nobody_means() {
        for bad in ["debain", "debian:99", "docker://Alpine", "ftp://x/y", "x:y:z/", "oci:x@sha256:00", "user/Thing"] {
            assert!(parsed(bad).starts_with("error: "), "{bad}: {}", parsed(bad));
        }
    }

    #[test]
    fn a_path_with_a_colon_in_it_is_found() {
        let there = |path: &Path| path == Path::new("a:b");
        assert_eq!(split("a:b", there).unwrap(), ("a:b", Which::Only));
        assert_eq!(split("a:c", there).unwrap(), ("a", Which::Named("c".to_owned())));
    }
}
