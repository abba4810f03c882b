//! The headers of one member: ustar, with PAX records for what that has no room for (POSIX.1-2017, pax, "pax Interchange
//! Format").

use std::io::Write as _;

use tar::{EntryType, Header};

/// What a ustar header has room for.
const NAME: usize = 100;
const SIZE: u64 = 0o777_7777_7777;
const ID: u32 = 0o777_7777;
/// The unit of an archive.
pub(super) const BLOCK: usize = 512;

/// A member, content excepted.
#[derive(Debug, Clone)]
pub(super) struct Member<'a> {
    /// The name; a directory's ends with a slash.
    pub(super) name: &'a [u8],
    pub(super) kind: EntryType,
    /// The target of a symbolic or hard link.
    pub(super) link: &'a [u8],
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Seconds and nanoseconds.
    pub(super) modified: (i64, u32),
    pub(super) size: u64,
    pub(super) xattrs: &'a [(Vec<u8>, Vec<u8>)],
}

impl Member<'_> {
    /// An empty file of root's from 1970, of this name.
    pub(super) fn mark(name: &[u8]) -> Member<'_> {
        Member {
            name,
            kind: EntryType::Regular,
            link: b"",
            mode: 0o644,
            uid: 0,
            gid: 0,
            modified: (0, 0),
            size: 0,
            xattrs: &[],
        }
    }

    /// All headers of the member.
    pub(super) fn headers(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(3 * BLOCK);
        let records = self.records();
        if !records.is_empty() {
            let size = u64::try_from(records.len()).unwrap_or(u64::MAX);
            let extended = Member { kind: EntryType::XHeader, size, ..Member::mark(b"././@PaxHeader") };
            bytes.extend_from_slice(extended.header().as_bytes());
            bytes.extend_from_slice(&records);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        bytes.extend_from_slice(self.header().as_bytes());
        bytes
    }

    /// The PAX records: what the header cannot say.
    fn records(&self) -> Vec<u8> {
        let mut records = Vec::new();
        let mut add = |needed: bool, key: &[u8], value: &[u8]| {
            if needed {
                record(&mut records, key, value);
            }
        };
        // What is not ASCII means nothing in particular in a ustar header.
        let long = |name: &[u8]| name.len() > NAME || !name.is_ascii();
        add(long(self.name), b"path", self.name);
        add(long(self.link), b"linkpath", self.link);
        add(self.size > SIZE, b"size", self.size.to_string().as_bytes());
        add(self.uid > ID, b"uid", self.uid.to_string().as_bytes());
        add(self.gid > ID, b"gid", self.gid.to_string().as_bytes());
        add(self.whole_seconds().is_none(), b"mtime", &time(self.modified));
        for (name, value) in self.xattrs {
            add(true, &[b"SCHILY.xattr.", &**name].concat(), value);
        }
        records
    }

    /// The time, where the header can say it.
    fn whole_seconds(&self) -> Option<u64> {
        let (seconds, nanoseconds) = self.modified;
        u64::try_from(seconds).ok().filter(|&seconds| nanoseconds == 0 && seconds <= SIZE)
    }

    /// The header itself; what a record says instead is cut, or zero.
    fn header(&self) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(self.kind);
        header.set_mode(self.mode);
        header.set_uid(if self.uid > ID { 0 } else { self.uid.into() });
        header.set_gid(if self.gid > ID { 0 } else { self.gid.into() });
        header.set_size(if self.size > SIZE { 0 } else { self.size });
        header.set_mtime(self.whole_seconds().unwrap_or(0));
        let fields = header.as_old_mut();
        fill(&mut fields.name, self.name);
        fill(&mut fields.linkname, self.link);
        header.set_cksum();
        header
    }
}

fn fill(field: &mut [u8], value: &[u8]) {
    field.iter_mut().zip(value).for_each(|(place, byte)| *place = *byte);
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = 1 + key.len() + 1 + value.len() + 1;
    let mut length = rest;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    // A vector takes everything.
    let _ = write!(records, "{length} ");
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// Seconds since 1970, with a fraction where there is one: `-1.25` is a second and a quarter before.
fn time((seconds, nanoseconds): (i64, u32)) -> Vec<u8> {
    let (sign, seconds, nanoseconds) = match (seconds < 0, nanoseconds) {
        (false, _) => ("", seconds.unsigned_abs(), nanoseconds),
        (true, 0) => ("-", seconds.unsigned_abs(), 0),
        (true, _) => ("-", seconds.unsigned_abs() - 1, 1_000_000_000 - nanoseconds),
    };
    let text = format!("{sign}{seconds}.{nanoseconds:09}");
    text.trim_end_matches('0').trim_end_matches('.').as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_itself() {
        for (value, expected) in [("", "7 key="), ("12", "9 key=12"), ("123", "11 key=123"), ("1234", "12 key=1234")] {
            let mut records = Vec::new();
            record(&mut records, b"key", value.as_bytes());
            assert_eq!(String::from_utf8(records.clone()).unwrap(), format!("{expected}\n"));
            assert_eq!(expected.split(' ').next().unwrap().parse::<usize>().unwrap(), records.len());
        }
        let mut records = Vec::new();
        record(&mut records, b"key", &[b'x'; 991]);
        assert!(records.starts_with(b"1001 key=x") && records.len() == 1001, "{}", records.len());
    }

    #[test]
    fn times() {
        for (given, expected) in [
            ((1, 0), "1"),
            ((1, 500_000_000), "1.5"),
            ((-2, 750_000_000), "-1.25"),
            ((-3, 0), "-3"),
            ((100, 1), "100.000000001"),
        ] {
            assert_eq!(String::from_utf8(time(given)).unwrap(), expected);
        }
    }

    #[test]
    fn what_fits_needs_no_records() {
        assert_eq!(Member::mark(&[b'x'; 100]).headers().len(), BLOCK);
        assert_eq!(Member::mark(&[b'x'; 101]).headers().len(), 3 * BLOCK);
        assert_eq!(Member::mark("ä".as_bytes()).headers().len(), 3 * BLOCK);
        assert_eq!(Member { modified: (1, 1), ..Member::mark(b"x") }.headers().len(), 3 * BLOCK);
        assert_eq!(Member { uid: ID + 1, ..Member::mark(b"x") }.headers().len(), 3 * BLOCK);
    }
}
