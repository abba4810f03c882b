//! A squashfs image becomes a tree: LXC's images, and those of NixOS.

mod content;
mod links;
mod xattrs;

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use backhand::{FilesystemReader, InnerNode, Node, Squashfs, SquashfsFileReader};

use self::content::{Content, map};
use self::links::Links;
use self::xattrs::Xattrs;
use super::error::Cap;
use super::index::{self, Known};
use super::member::{Kind, Member, Meta};
use super::name::clean;
use super::stream::Format;
use super::writer::{Writer, Written};
use super::{Error, Options, Report, Root, Strip, strip};
use crate::image::Hasher;

/// What an image begins with.
pub const MAGIC: [u8; 4] = *b"hsqs";

/// Bytes read from the image at once.
const READ: usize = 128 << 10;

/// Unpacks a squashfs image of version 4. Extended attributes are taken from files; of directories the image's reader
/// does not know them. `progress` is told now and then how many bytes of files have been written.
///
/// # Errors
/// [`Error`]; the target holds what was unpacked so far.
pub fn squashfs(
    root: &Root,
    mut image: File,
    options: &Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, Error> {
    let broken = |source| Error::Stream { format: Format::Squashfs, source };
    let input = image.metadata().map_err(broken)?.len();
    let digest = options.hash_input.then(|| digest(&mut image)).transpose().map_err(broken)?;
    let mut squashfs = Squashfs::from_reader(BufReader::with_capacity(READ, image)).map_err(|e| broken(e.into()))?;
    let entries = options.limits.entries;
    if u64::from(squashfs.superblock.inode_count) > entries {
        return Err(Error::Limit { cap: Cap::Entries(entries) });
    }
    let xattrs = Xattrs::read(&mut squashfs).map_err(broken)?;
    let files = squashfs.into_filesystem_reader().map_err(|e| broken(e.into()))?;
    let Written { counts, known, .. } = write(root, &files, &xattrs, options, progress)?;
    let stripped = if options.strip == Strip::Auto { strip::lift(root)? } else { None };
    Ok(Report {
        entries: counts.entries,
        bytes: counts.bytes,
        devices_skipped: counts.devices_skipped,
        xattrs_dropped: counts.xattrs_dropped,
        trailing: 0,
        input,
        digest,
        content: None,
        stripped,
        links: Vec::new(),
        whiteouts: Vec::new(),
        opaque: false,
        implied: Vec::new(),
        files: known.map(|known| index::scan(root.dir(), &known)).transpose()?,
    })
}

fn digest(image: &mut File) -> io::Result<crate::image::Digest> {
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; READ]);
    loop {
        match image.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    image.rewind()?;
    Ok(hasher.finish())
}

fn write(
    root: &Root,
    files: &FilesystemReader<'_>,
    xattrs: &Xattrs,
    options: &Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Written, Error> {
    let mut writer = Writer::new(root, &options.limits, options.owners);
    writer.known = options.index.then(Known::default);
    let components = match options.strip {
        Strip::Components(count) => count,
        Strip::Auto | Strip::Never => 0,
    };
    let mut links = Links::default();
    let mut holes = 0u64;
    for node in files.files() {
        let member = member(node, files, xattrs, links.target(node))?;
        // They cost nothing on disk, but have to be gone through.
        holes = holes.saturating_add(member.sparse.as_ref().map_or(0, |map| map.size - member.stored));
        if holes > options.limits.bytes {
            return Err(Error::Limit { cap: Cap::Bytes(options.limits.bytes) });
        }
        writer.count(&member)?;
        let cleaned = |name: &[u8]| clean(name, components).map_err(|what| Error::malformed(&member.name, what));
        let link = if member.kind == Kind::HardLink { cleaned(&member.link)? } else { None };
        if let Some(path) = cleaned(&member.name)? {
            let mut content = Content::of(files, node)?;
            writer.place(member, &path, &link.unwrap_or_default(), &mut content)?;
            progress(writer.counts.bytes);
        }
    }
    writer.finish()
}

/// What a tar archive would have for it.
fn member(
    node: &Node<SquashfsFileReader>,
    files: &FilesystemReader<'_>,
    xattrs: &Xattrs,
    linked: Option<&[u8]>,
) -> Result<Member, Error> {
    let name = node.fullpath.as_os_str().as_bytes().to_vec();
    let header = &node.header;
    let mut meta = Meta {
        mode: u32::from(header.permissions) & 0o7777,
        uid: header.uid,
        gid: header.gid,
        modified: (header.mtime.into(), 0),
        xattrs: Vec::new(),
    };
    let (mut link, mut sparse, mut stored) = (Vec::new(), None, 0);
    let kind = match (&node.inner, linked) {
        (InnerNode::File(_), Some(target)) => {
            link = target.to_vec();
            Kind::HardLink
        }
        (InnerNode::File(file), None) => {
            meta.xattrs = xattrs.of(file);
            let map = map(file, files.block_size).map_err(|what| Error::malformed(&name, what))?;
            stored = map.pieces.iter().map(|(_, length)| length).sum();
            sparse = (stored < map.size).then_some(map);
            Kind::File
        }
        (InnerNode::Symlink(symlink), _) => {
            link = symlink.link.clone().into_os_string().into_vec();
            Kind::Symlink
        }
        (InnerNode::Dir(_), _) => Kind::Directory,
        (InnerNode::NamedPipe, _) => Kind::Fifo,
        // A socket is nothing without the process that listens; like device nodes, the running system makes its own.
        (InnerNode::CharacterDevice(_) | InnerNode::BlockDevice(_) | InnerNode::Socket, _) => Kind::Device,
    };
    Ok(Member { name, link, kind, meta, stored, sparse })
}
