//! Bundles: archives that hold an image in pieces, as `docker save`, `podman save` and `skopeo copy` write them.
//!
//! Nothing is unpacked here: members are only read, one after the other, in whatever order they come. A link stands for
//! the member that it leads to, and leads nowhere else.

use std::io::{BufReader, Read};

use super::archive::Archive;
use super::body::Body as _;
use super::error::Cap;
use super::member::{Kind, Member};
use super::name::{clean, split};
use super::stream::{Decoder, Format};
use super::{Error, Limits};

/// Bytes decoded at once.
const BUFFER: usize = 256 << 10;

/// What a bundle may cost. It has three members a layer at the most, and each is remembered.
pub fn limits() -> Limits {
    Limits { entries: 20_000, ..Limits::default() }
}

/// A bundle that is being read: compressed or not, which its first bytes tell.
pub struct Bundle<'a, R: Read> {
    archive: Archive<'a, BufReader<Decoder<R>>>,
    limits: &'a Limits,
    entries: u64,
    bytes: u64,
}

/// A member of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path: no `.`, no `..`, no slash at either end.
    pub name: String,
    /// The path of the member that it is another name of. Without one, it is a file, and its content comes next.
    pub link: Option<String>,
}

impl<'a, R: Read> Bundle<'a, R> {
    /// Looks at the first bytes.
    ///
    /// # Errors
    /// [`Error::Stream`].
    pub fn open(input: R, limits: &'a Limits) -> Result<Self, Error> {
        let decoder =
            Decoder::open(input, limits, false).map_err(|source| Error::Stream { format: Format::Tar, source })?;
        let format = decoder.format();
        let archive = Archive::new(BufReader::with_capacity(BUFFER, decoder), format, limits);
        Ok(Self { archive, limits, entries: 0, bytes: 0 })
    }

    /// The next file or link; `None` at the end, to which the whole input has been read then. Directories are passed over.
    ///
    /// # Errors
    /// [`Error`]: the archive is malformed, has a member that no image is made of, or has too many.
    pub fn entry(&mut self) -> Result<Option<Entry>, Error> {
        while let Some(member) = self.archive.next()? {
            self.count(&member)?;
            let name = path(&member.name, &member)?;
            let link = match member.kind {
                Kind::File if member.sparse.is_none() => None,
                Kind::HardLink => Some(path(&member.link, &member)?),
                Kind::Symlink => Some(symlink(&member)?),
                Kind::Directory | Kind::Label => continue,
                Kind::File | Kind::Fifo | Kind::Device => {
                    return Err(Error::malformed(&member.name, "images are made of files, directories and links"));
                }
            };
            return Ok(Some(Entry { name, link }));
        }
        self.archive.drain()?;
        Ok(None)
    }

    /// The next bytes of the file that [`Bundle::entry`] has returned; empty at its end.
    ///
    /// # Errors
    /// [`Error::Stream`] where the input ends before.
    pub fn content(&mut self) -> Result<&[u8], Error> {
        self.archive.content()
    }

    /// Says how many of those bytes are done with.
    pub fn consume(&mut self, count: usize) {
        self.archive.consume(count);
    }

    fn count(&mut self, member: &Member) -> Result<(), Error> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(member.stored);
        let caps = [
            (self.entries > self.limits.entries, Cap::Entries(self.limits.entries)),
            (self.bytes > self.limits.bytes, Cap::Bytes(self.limits.bytes)),
        ];
        caps.into_iter().find(|(exceeded, _)| *exceeded).map_or(Ok(()), |(_, cap)| Err(Error::Limit { cap }))
    }
}

impl<R: Read> std::fmt::Debug for Bundle<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("entries", &self.entries).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Whether an archive is a bundle, by its first member that tells; `false` as well where none can be read, since whoever
/// unpacks it will say why. A root file system has none of a bundle's names at its top, and a bundle no other directory;
/// files besides may be in either.
pub fn is_bundle(input: impl Read) -> bool {
    let limits = limits();
    let first = || -> Result<Option<bool>, Error> {
        let mut bundle = Bundle::open(input, &limits)?;
        while let Some(member) = bundle.archive.next()? {
            bundle.count(&member)?;
            let name = path(&member.name, &member)?;
            let top = name.split('/').next().unwrap_or_default();
            let is_file = top == name && member.kind != Kind::Directory;
            if !top.is_empty() && (is_of_bundle(top) || !is_file) {
                return Ok(Some(is_of_bundle(top)));
            }
        }
        Ok(None)
    };
    matches!(first(), Ok(Some(true)))
}

/// Whether a name at the top is one of an OCI layout's (image-spec, image-layout.md) or of a docker-archive's: the image's
/// id or a layer's, with or without an ending.
fn is_of_bundle(top: &str) -> bool {
    let stem = top.split('.').next().unwrap_or(top);
    matches!(top, "oci-layout" | "index.json" | "blobs" | "manifest.json" | "repositories")
        || stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn path(name: &[u8], member: &Member) -> Result<String, Error> {
    let cleaned = clean(name, 0).map_err(|what| Error::malformed(&member.name, what))?.unwrap_or_default();
    String::from_utf8(cleaned).map_err(|_| Error::malformed(&member.name, "its name is not UTF-8"))
}

/// Where a symbolic link leads, by its words alone.
fn symlink(member: &Member) -> Result<String, Error> {
    let outside = || Error::malformed(&member.name, "a link leads out of the archive");
    let at = clean(&member.name, 0).map_err(|what| Error::malformed(&member.name, what))?.unwrap_or_default();
    if member.link.starts_with(b"/") || member.link.contains(&0) {
        return Err(outside());
    }
    let mut steps: Vec<&[u8]> = split(&at).0.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
    for part in member.link.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(steps.pop().ok_or_else(outside)?),
            part => steps.push(part),
        }
    }
    path(&steps.join(&b'/'), member)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(builder: &mut ::tar::Builder<Vec<u8>>, kind: ::tar::EntryType, name: &str, link: &str, content: &[u8]) {
        let mut header = ::tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len().try_into().unwrap());
        // Not by the crate's own setters, which refuse what is hostile.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }

    fn archive(members: &[(::tar::EntryType, &str, &str, &str)]) -> Vec<u8> {
        let mut builder = ::tar::Builder::new(Vec::new());
        for (kind, name, link, content) in members {
            add(&mut builder, *kind, name, link, content.as_bytes());
        }
        builder.into_inner().unwrap()
    }

    fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<(String, String)>, Error> {
        let mut bundle = Bundle::open(bytes, limits)?;
        let mut found = Vec::new();
        while let Some(entry) = bundle.entry()? {
            let mut content = Vec::new();
            while entry.link.is_none() {
                let bytes = bundle.content()?;
                if bytes.is_empty() {
                    break;
                }
                content.extend_from_slice(bytes);
                let count = bytes.len();
                bundle.consume(count);
            }
            let content = String::from_utf8(content).unwrap();
            found.push((entry.name, entry.link.map_or(content, |link| format!("-> {link}"))));
        }
        Ok(found)
    }

    #[test]
    fn files_and_links_in_the_order_they_come() {
        use ::tar::EntryType::{Directory, Link, Regular, Symlink};
        let tar = archive(&[
            (Directory, "./", "", ""),
            (Regular, "./a/layer.tar", "", "content"),
            (Symlink, "b/layer.tar", "../a/layer.tar", ""),
            (Link, "c/layer.tar", "./a/layer.tar", ""),
        ]);
        let pair = |name: &str, content: &str| (name.to_owned(), content.to_owned());
        let expected = [
            pair("a/layer.tar", "content"),
            pair("b/layer.tar", "-> a/layer.tar"),
            pair("c/layer.tar", "-> a/layer.tar"),
        ];
        assert_eq!(read(&tar, &limits()).unwrap(), expected);
        assert_eq!(read(&zstd::encode_all(&*tar, 1).unwrap(), &limits()).unwrap(), expected);
    }

    #[test]
    fn what_is_no_part_of_an_image_is_refused() {
        use ::tar::EntryType::{Fifo, Link, Regular, Symlink};
        for member in [
            (Symlink, "a", "../b", ""),
            (Symlink, "a/b", "/etc/passwd", ""),
            (Symlink, "a/b", "../../x", ""),
            (Link, "a", "../x", ""),
            (Regular, "../x", "", "content"),
            (Fifo, "a", "", ""),
        ] {
            assert!(matches!(read(&archive(&[member]), &limits()), Err(Error::Malformed { .. })), "{member:?}");
        }
        let many = archive(&[(Regular, "a", "", ""), (Regular, "b", "", "content")]);
        for (entries, bytes) in [(1, 100), (2, 6)] {
            let limits = Limits { entries, bytes, ..limits() };
            assert!(matches!(read(&many, &limits), Err(Error::Limit { .. })));
        }
    }

    #[test]
    fn told_by_the_first_member() {
        use ::tar::EntryType::{Directory, Regular};
        let id = "0f8918d0fe4f272ce8acece89916a9ba0b240584d3c1dd1943f343f69b0d0ffb";
        let first = |name: &str| is_bundle(&*archive(&[(Directory, "./", "", ""), (Regular, name, "", "")]));
        for name in ["oci-layout", "./blobs/sha256/x", id, &format!("{id}.json"), &format!("{id}/layer.tar")] {
            assert!(first(name), "{name}");
        }
        for name in ["etc/passwd", "bin", "blob", &id[1..]] {
            assert!(!first(name), "{name}");
        }
        let beside =
            |second| is_bundle(&*archive(&[(Regular, "rootfs.tar.gz", "", "content"), (Regular, second, "", "")]));
        assert!(beside("blobs/sha256/x") && !beside("etc/passwd"));
        assert!(!is_bundle(&b"no archive"[..]) && !is_bundle(&b""[..]));
    }
}
