//! Archives made byte by byte, since no honest program makes them.

use tar::{EntryType, Header};

/// A member with these bytes for a name, and its content.
pub(crate) fn entry(name: &[u8], kind: EntryType, link: &[u8], content: &[u8]) -> Vec<u8> {
    with(name, kind, link, content, |_| {})
}

/// The same, with something changed about its header.
pub(crate) fn with(
    name: &[u8],
    kind: EntryType,
    link: &[u8],
    content: &[u8],
    change: impl FnOnce(&mut Header),
) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_size(content.len().try_into().unwrap());
    header.set_mtime(1_000_000_000);
    header.set_uid(0);
    header.set_gid(0);
    change(&mut header);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(crate) fn file(name: &str, content: &str) -> Vec<u8> {
    entry(name.as_bytes(), EntryType::Regular, b"", content.as_bytes())
}

pub(crate) fn dir(name: &str) -> Vec<u8> {
    entry(name.as_bytes(), EntryType::Directory, b"", b"")
}

pub(crate) fn symlink(name: &str, target: &str) -> Vec<u8> {
    entry(name.as_bytes(), EntryType::Symlink, target.as_bytes(), b"")
}

pub(crate) fn hard_link(name: &str, target: &str) -> Vec<u8> {
    entry(name.as_bytes(), EntryType::Link, target.as_bytes(), b"")
}

/// A PAX header of well-formed records.
pub(crate) fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    raw_pax(&records.iter().flat_map(|(key, value)| record(key, value)).collect::<Vec<_>>())
}

pub(crate) fn raw_pax(records: &[u8]) -> Vec<u8> {
    entry(b"pax", EntryType::XHeader, b"", records)
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (rest..).find(|length| length.to_string().len() + rest == *length).unwrap();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

/// The parts, and the end of the archive.
pub(crate) fn archive(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = parts.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}
