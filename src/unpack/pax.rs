//! PAX extended headers (POSIX.1-2017, pax, "pax Extended Header").

use std::io;

/// What a PAX header says of a member. The `tar` crate's own parser takes a newline in a value for its end, which extended
/// attributes have, and lets malformed records pass; here a record is as long as it says, or the archive is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) modified: Option<(i64, u32)>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: Sparse,
}

/// The records of GNU tar for sparse files, of formats 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sparse {
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    /// `size` of the 0.x formats, `realsize` of 1.0.
    pub(super) real_size: Option<u64>,
    /// Offsets and lengths in turn.
    pub(super) map: Vec<u64>,
}

impl Extended {
    /// Takes in the records of one header.
    ///
    /// # Errors
    /// Which rule is broken.
    pub(super) fn parse(data: &[u8]) -> Result<Self, &'static str> {
        let mut extended = Self::default();
        let mut rest = data;
        while !rest.is_empty() {
            let (key, value, after) = record(rest).ok_or("a PAX record is malformed")?;
            extended.set(key, value)?;
            rest = after;
        }
        Ok(extended)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match key {
            // Readers differ in which of two they take, so there is to be one only.
            b"size" if self.size.is_some() => return Err("two PAX sizes"),
            b"path" if self.path.is_some() => return Err("two PAX paths"),
            b"size" => self.size = Some(number(value)?),
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"uid" => self.uid = Some(id(value)?),
            b"gid" => self.gid = Some(id(value)?),
            b"mtime" => self.modified = Some(time(value).ok_or("a PAX time is malformed")?),
            b"GNU.sparse.major" => self.sparse.major = Some(number(value)?),
            b"GNU.sparse.minor" => self.sparse.minor = Some(number(value)?),
            b"GNU.sparse.name" => self.sparse.name = Some(value.to_vec()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.real_size = Some(number(value)?),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse.map.push(number(value)?),
            b"GNU.sparse.map" => {
                self.sparse.map = value
                    .split(|&byte| byte == b',')
                    .filter(|n| !n.is_empty())
                    .map(number)
                    .collect::<Result<_, _>>()?;
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

impl Sparse {
    pub(super) fn is_sparse(&self) -> bool {
        self.major.is_some() || self.real_size.is_some() || !self.map.is_empty()
    }
}

/// Key, value, and what follows the record.
fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|&byte| byte == b' ')?;
    let length = usize::try_from(number(&data[..space]).ok()?).ok()?;
    let (record, rest) = data.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&byte| byte == b'=')?;
    (equals > 0).then_some((&body[..equals], &body[equals + 1..], rest))
}

/// A decimal number: digits and nothing else.
pub(super) fn number(text: &[u8]) -> Result<u64, &'static str> {
    const ERROR: &str = "a PAX number is malformed";
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(ERROR);
    }
    str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(ERROR)
}

fn id(text: &[u8]) -> Result<u32, &'static str> {
    u32::try_from(number(text)?).map_err(|_| "a PAX owner is malformed")
}

/// Seconds since 1970, perhaps negative, perhaps with a fraction, of which nanoseconds are kept.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let mut parts = digits.splitn(2, |&byte| byte == b'.');
    let seconds = i64::try_from(number(parts.next()?).ok()?).ok()?;
    let fraction = parts.next().unwrap_or(b"");
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |at| fraction.get(at).map_or(0, |&digit| u32::from(digit - b'0'));
    let nanoseconds = (0..9).fold(0, |sum, at| sum * 10 + digit(at));
    Some(match (negative, nanoseconds) {
        (false, _) => (seconds, nanoseconds),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanoseconds),
    })
}

/// What a malformed number in the `tar` crate's fields becomes.
pub(super) fn field<T>(value: io::Result<T>, blank: bool, zero: T) -> Result<T, &'static str> {
    // Fields of nothing but blanks and NULs stand for zero, as GNU tar has it.
    if blank { Ok(zero) } else { value.map_err(|_| "a number in its header is malformed") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_anything() {
        let data = b"30 SCHILY.xattr.user.a=x\n=\0yz\n12 path=a/b\n";
        assert_eq!(data.len(), 42);
        let extended = Extended::parse(data).unwrap();
        assert_eq!(extended.xattrs, [(b"user.a".to_vec(), b"x\n=\0yz".to_vec())]);
        assert_eq!(extended.path.unwrap(), b"a/b");
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [
            &b"12 path=a/b"[..],
            b"13 path=a/b\n",
            b"11 path=a/b\n",
            b"+12 path=a/b\n",
            b"12 path:a/b\n",
            b" 12 path=a/b\n",
            b"0 path=a/b\n",
            b"99999999999999999999 path=a/b\n",
            b"10 size=1\n11 size=22\n",
            b"11 size=-1\n",
            b"12 size=0x1\n",
            b"9 size=\n",
            b"\0\0\0",
        ] {
            assert!(Extended::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn times() {
        assert_eq!(time(b"1.5"), Some((1, 500_000_000)));
        assert_eq!(time(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time(b"7.0000000019"), Some((7, 1)));
        assert_eq!(time(b"-3"), Some((-3, 0)));
        for bad in [&b""[..], b"1.x", b"--1", b".5", b"1e3"] {
            assert_eq!(time(bad), None);
        }
    }
}
