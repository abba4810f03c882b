//! One Debian package: an `ar` archive of two tar archives (deb(5)).

use std::fs::File;
use std::io::{BufReader, Read};

use super::archive::Archive;
use super::body::Body as _;
use super::error::Cap;
use super::member::{Kind, Member};
use super::merged_usr::MergedUsr;
use super::name::clean;
use super::report::Counts;
use super::stream::{Decoder, Format};
use super::writer::{Deferred, Existing, Writer};
use super::{Error, Limits, Owners, Root};

/// Bytes of a package's control files, all together.
const CONTROL_LIMIT: u64 = 64 << 20;
/// Decompressed bytes read at once.
const BUFFER: usize = 256 << 10;

/// A package to unpack.
#[derive(Debug)]
pub struct Deb {
    /// The name of the package, for messages.
    pub package: String,
    /// The `.deb`, at its beginning.
    pub file: File,
}

/// A package whose files are in place, and which dpkg does not know of yet.
#[derive(Debug)]
pub struct Unpacked {
    /// Its stanza, as the package has it.
    pub(super) control: String,
    /// The other control files.
    pub(super) scripts: Vec<ControlFile>,
    /// What it holds, in its own order.
    pub(super) files: Vec<Listed>,
    /// Its configuration files, without a leading `/`.
    pub(super) conffiles: Vec<Vec<u8>>,
    pub(super) deferred: Vec<Deferred>,
    counts: Counts,
}

/// A control file: a maintainer script, `md5sums`, `triggers`, …
#[derive(Debug)]
pub(super) struct ControlFile {
    pub(super) name: String,
    pub(super) mode: u32,
    pub(super) content: Vec<u8>,
}

/// A member of a package.
#[derive(Debug)]
pub(super) struct Listed {
    /// Without a leading `/`; empty for the root.
    pub(super) path: Vec<u8>,
    pub(super) is_dir: bool,
}

impl Unpacked {
    /// The value of a field of the package's stanza, without its continuation lines (deb-control(5)).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.control.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The name of the package.
    pub fn package(&self) -> &str {
        self.field("Package").unwrap_or_default()
    }

    /// Bytes written.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes
    }

    /// A control file by name.
    pub(super) fn script(&self, name: &str) -> Option<&[u8]> {
        self.scripts.iter().find(|script| script.name == name).map(|script| script.content.as_slice())
    }
}

/// Unpacks one package.
pub(super) fn unpack(root: &Root, deb: &Deb, limits: &Limits, merged: &MergedUsr<'_>) -> Result<Unpacked, Error> {
    let not_a_deb = |what| Error::NotADeb { package: deb.package.clone(), what };
    let mut parts = ar::Archive::new(&deb.file);
    let mut unpacked = None;
    while let Some(part) = parts.next_entry() {
        let part = part.map_err(|source| Error::Stream { format: Format::Ar, source })?;
        let name = String::from_utf8_lossy(part.header().identifier()).into_owned();
        // By what they are called but for how they are compressed, which their first bytes tell.
        match name.trim_end_matches('/').split_once(".tar") {
            Some(("control", _)) => unpacked = Some(control(part, limits, &not_a_deb)?),
            Some(("data", _)) => {
                let mut unpacked =
                    unpacked.take().ok_or_else(|| not_a_deb("its files come before its control files"))?;
                data(root, part, limits, merged, &mut unpacked)?;
                return Ok(unpacked);
            }
            _ => {}
        }
    }
    Err(not_a_deb("it has no files"))
}

fn open<'l, R: Read>(part: R, limits: &'l Limits) -> Result<Archive<'l, BufReader<Decoder<R>>>, Error> {
    let decoder = Decoder::open(part, limits, false).map_err(|source| Error::Stream { format: Format::Tar, source })?;
    let format = decoder.format();
    Ok(Archive::new(BufReader::with_capacity(BUFFER, decoder), format, limits))
}

fn control(part: impl Read, limits: &Limits, not_a_deb: &dyn Fn(&'static str) -> Error) -> Result<Unpacked, Error> {
    let mut archive = open(part, limits)?;
    let mut scripts = Vec::new();
    let mut total = 0;
    while let Some(member) = archive.next()? {
        total += member.stored;
        if total > CONTROL_LIMIT {
            return Err(Error::Limit { cap: Cap::Bytes(CONTROL_LIMIT) });
        }
        if member.kind == Kind::File {
            scripts.push(control_file(&member, &mut archive)?);
        }
    }
    archive.drain()?;
    let at = scripts.iter().position(|script| script.name == "control").ok_or_else(|| not_a_deb("it has no stanza"))?;
    let control =
        String::from_utf8(scripts.swap_remove(at).content).map_err(|_| not_a_deb("its stanza is not UTF-8"))?;
    let control = control.trim_end().to_owned();
    if control.lines().any(str::is_empty) {
        return Err(not_a_deb("it has more than one stanza"));
    }
    let conffiles = scripts.iter().find(|script| script.name == "conffiles").map(|script| conffiles(&script.content));
    let conffiles = conffiles.unwrap_or_default();
    let unpacked =
        Unpacked { control, scripts, files: Vec::new(), conffiles, deferred: Vec::new(), counts: Counts::default() };
    // They become names of files.
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c))
    };
    match (unpacked.field("Package"), unpacked.field("Architecture")) {
        (Some(package), Some(architecture)) if plain(package) && plain(architecture) => Ok(unpacked),
        _ => Err(not_a_deb("its stanza has no proper name and architecture")),
    }
}

fn control_file(member: &Member, archive: &mut Archive<'_, impl std::io::BufRead>) -> Result<ControlFile, Error> {
    let malformed = |what| Error::malformed(&member.name, what);
    let path = clean(&member.name, 0).map_err(malformed)?.unwrap_or_default();
    let name = String::from_utf8(path).ok().filter(|name| !name.is_empty() && !name.contains('/'));
    let name = name.ok_or_else(|| malformed("it is no control file's name"))?;
    let mut content = Vec::new();
    loop {
        let bytes = archive.content()?;
        if bytes.is_empty() {
            return Ok(ControlFile { name, mode: member.meta.mode & 0o755, content });
        }
        content.extend_from_slice(bytes);
        let count = bytes.len();
        archive.consume(count);
    }
}

/// The paths in `conffiles`; lines that begin with a flag are of files that are to go (deb-conffiles(5)).
fn conffiles(content: &[u8]) -> Vec<Vec<u8>> {
    content
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.trim_ascii_end().strip_prefix(b"/"))
        .map(<[u8]>::to_vec)
        .collect()
}

fn data(
    root: &Root,
    part: impl Read,
    limits: &Limits,
    merged: &MergedUsr<'_>,
    unpacked: &mut Unpacked,
) -> Result<(), Error> {
    let mut archive = open(part, limits)?;
    let mut writer = Writer::new(root, limits, Owners::Archive);
    // Of two packages with one file, the one that says it replaces the other has it, whichever is unpacked first.
    writer.existing = if unpacked.field("Replaces").is_some() { Existing::Replace } else { Existing::Keep };
    while let Some(member) = archive.next()? {
        writer.count(&member)?;
        let cleaned = |name: &[u8]| clean(name, 0).map_err(|what| Error::malformed(&member.name, what));
        let mut path = cleaned(&member.name)?.unwrap_or_default();
        let link = if member.kind == Kind::HardLink { cleaned(&member.link)? } else { None };
        let is_dir = member.kind == Kind::Directory;
        merged.prepare(&path, is_dir)?;
        unpacked.files.push(Listed { path: path.clone(), is_dir });
        if unpacked.conffiles.contains(&path) {
            // Its place is for dpkg to decide, when it configures the package.
            path.extend_from_slice(b".dpkg-new");
        }
        writer.place(member, &path, &link.unwrap_or_default(), &mut archive)?;
    }
    archive.drain()?;
    unpacked.counts = writer.counts;
    unpacked.deferred = writer.deferred;
    Ok(())
}
