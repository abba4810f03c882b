//! Lists of digests: what `sha256sum` and `sha512sum` write, with and without `--tag` (BSD's form), lists of several
//! algorithms under comments that name them (Gentoo's DIGESTS), and a digest all alone.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek as _};

use sha2::{Digest as _, Sha512};

use crate::image::Digest;
use crate::source::{Error, distro::paths};
use crate::store::blobs;

/// Algorithms that this program believes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// By the names that lists have for it.
    fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_uppercase().as_str() {
            "SHA256" | "SHA2-256" => Some(Self::Sha256),
            "SHA512" | "SHA2-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// By how long its digests are.
    fn of_hex(hex: &str) -> Option<Self> {
        match hex.len() {
            64 => Some(Self::Sha256),
            128 => Some(Self::Sha512),
            _ => None,
        }
    }
}

/// A digest by one of the algorithms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// By SHA-256, which names files in the cache too.
    Sha256(Digest),
    /// By SHA-512.
    Sha512([u8; 64]),
}

impl Sum {
    fn parse(algorithm: Algorithm, hex: &str) -> Option<Self> {
        if algorithm == Algorithm::Sha256 {
            return Digest::from_hex(hex).ok().map(Self::Sha256);
        }
        // Two halves, each as long as the digest that there is a strict parser for.
        let mut bytes = [0; 64];
        let (first, second) = hex.split_at_checked(64)?;
        for (half, hex) in bytes.chunks_exact_mut(32).zip([first, second]) {
            half.copy_from_slice(Digest::from_hex(hex).ok()?.as_bytes());
        }
        Some(Self::Sha512(bytes))
    }

    /// The digest of a file's content by the same algorithm. Leaves the file rewound.
    ///
    /// # Errors
    /// read(2)'s.
    pub fn of_file(&self, file: &mut File) -> io::Result<Self> {
        if let Self::Sha256(_) = self {
            return blobs::hash(file).map(Self::Sha256);
        }
        let mut hasher = Sha512::new();
        file.rewind()?;
        super::in_pieces(&mut *file, |piece| hasher.update(piece))?;
        file.rewind()?;
        Ok(Self::Sha512(hasher.finalize().into()))
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => digest.fmt(f),
            Self::Sha512(bytes) => {
                f.write_str("sha512:")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A list of digests.
#[derive(Debug, Clone)]
pub struct Sums {
    url: String,
    entries: Vec<(String, Sum)>,
    /// The digest, if the list is nothing but that.
    alone: Option<Sum>,
}

impl Sums {
    /// Reads a list. Lines that are no digests of files are passed over: such lists begin with titles and comments. So
    /// are names that lead out of the list's own directory.
    pub fn parse(url: &str, text: &str) -> Self {
        let mut sums = Self { url: url.to_owned(), entries: Vec::new(), alone: None };
        // What a comment says of the lines below it; `None` if it names nothing, or nothing that is known.
        let mut section = None;
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix('#') {
                section = comment.trim().strip_suffix("HASH").map(Algorithm::named);
            } else if let Some((name, sum)) = tagged(line).or_else(|| plain(line, section)) {
                sums.entries.push((name, sum));
            }
        }
        let mut words = text.split_whitespace();
        if let (Some(hex), None) = (words.next(), words.next()) {
            sums.alone = Algorithm::of_hex(hex).and_then(|algorithm| Sum::parse(algorithm, hex));
        }
        sums
    }

    /// The digest of a file, by its name as the list has it; that by SHA-256 where there are several.
    ///
    /// # Errors
    /// [`Error::NoSum`], and [`Error::Malformed`] if the list contradicts itself.
    pub fn of(&self, name: &str) -> Result<Sum, Error> {
        let of_kind = |sha256: bool| {
            let mut found = self.entries.iter().filter(|(listed, _)| listed == name).map(|(_, sum)| *sum);
            let mut kind = found.by_ref().filter(move |sum| matches!(sum, Sum::Sha256(_)) == sha256);
            let first = kind.next()?;
            Some(if kind.all(|other| other == first) { Ok(first) } else { Err(()) })
        };
        match of_kind(true).or_else(|| of_kind(false)) {
            Some(Ok(sum)) => Ok(sum),
            Some(Err(())) => {
                Err(Error::Malformed { url: self.url.clone(), what: format!("it has two digests of {name}") })
            }
            None => self.alone.ok_or_else(|| Error::NoSum { url: self.url.clone(), name: name.to_owned() }),
        }
    }
}

/// `SHA256 (name) = digits`
fn tagged(line: &str) -> Option<(String, Sum)> {
    let (algorithm, rest) = line.split_once('(')?;
    let (name, hex) = rest.rsplit_once(')')?;
    let hex = hex.trim_start().strip_prefix('=')?.trim();
    entry(name, Algorithm::named(algorithm)?, hex)
}

/// `digits  name`, or `digits *name` for a file that was read as binary (the same on Unix). Names with a newline or
/// backslash make the line begin with a backslash; no file that is wanted has one.
fn plain(line: &str, section: Option<Option<Algorithm>>) -> Option<(String, Sum)> {
    let (hex, name) = line.split_once([' ', '\t'])?;
    let algorithm = section.unwrap_or_else(|| Algorithm::of_hex(hex))?;
    entry(name.trim().trim_start_matches('*'), algorithm, hex)
}

fn entry(name: &str, algorithm: Algorithm, hex: &str) -> Option<(String, Sum)> {
    let name = name.strip_prefix("./").unwrap_or(name);
    if !paths::is_relative(name) {
        return None;
    }
    Some((name.to_owned(), Sum::parse(algorithm, hex)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> String {
        Digest::of(b"one").hex()
    }

    fn of(text: &str, name: &str) -> Result<Sum, Error> {
        Sums::parse("http://x/SUMS", text).of(name)
    }

    fn sha512(text: &[u8]) -> (String, Sum) {
        let bytes: [u8; 64] = Sha512::digest(text).into();
        (bytes.iter().map(|byte| format!("{byte:02x}")).collect(), Sum::Sha512(bytes))
    }

    #[test]
    fn the_forms_in_use() {
        let (hex, sum) = (one(), Sum::Sha256(Digest::of(b"one")));
        for text in [
            format!("{hex}  a.tar\n"),
            format!("{hex} *a.tar\n"),
            format!("{hex}  ./a.tar\n"),
            format!("{hex}\ta.tar\r\n"),
            format!("{}  a.tar", hex.to_uppercase()),
            format!("SHA256 (a.tar) = {hex}\n"),
            format!("SHA2-256(a.tar)= {hex}\n"),
            format!("# a.tar: 3 bytes\nSHA256 (a.tar) = {hex}\n"),
            format!("{hex}\n"),
        ] {
            assert_eq!(of(&text, "a.tar").unwrap(), sum, "{text}");
        }
        let name = format!("SHA256 (a (1).tar) = {hex}");
        assert_eq!(of(&name, "a (1).tar").unwrap(), sum);
        let (long, sum) = sha512(b"one");
        assert_eq!(of(&format!("{long}  a.tar"), "a.tar").unwrap(), sum);
        assert_eq!(of(&format!("SHA512 (a.tar) = {long}"), "a.tar").unwrap(), sum);
    }

    #[test]
    fn several_algorithms() {
        let (long, sum) = sha512(b"one");
        let (other, _) = sha512(b"other");
        let text = format!("# BLAKE2B HASH\n{other}  a\n# SHA512 HASH\n{long}  a\n");
        assert_eq!(of(&text, "a").unwrap(), sum);
        let both = format!("{long}  a\n{}  a\n", one());
        assert_eq!(of(&both, "a").unwrap(), Sum::Sha256(Digest::of(b"one")));
        let old = format!("MD5 (a) = {}\n", "0".repeat(32));
        assert!(matches!(of(&old, "a"), Err(Error::NoSum { .. })));
    }

    #[test]
    fn what_a_list_does_not_say() {
        let hex = one();
        for text in [
            String::new(),
            format!("{hex}  b"),
            format!("{hex}  sub/a"),
            format!("{hex}  ../a"),
            format!("{hex}  /a"),
            format!("\\{hex}  a"),
            format!("{}  a", &hex[1..]),
            format!("+{}  a", &hex[1..]),
            format!("SHA1 (a) = {hex}"),
            format!("{hex} {hex}"),
        ] {
            assert!(matches!(of(&text, "a"), Err(Error::NoSum { .. })), "{text}");
        }
        let hostile = format!("{hex}  ../../etc/passwd");
        assert!(of(&hostile, "../../etc/passwd").is_err());
    }

    #[test]
    fn a_list_that_contradicts_itself() {
        let other = Digest::of(b"other").hex();
        let text = format!("{}  a\n{other}  a\n", one());
        assert!(matches!(of(&text, "a"), Err(Error::Malformed { .. })));
        let twice = format!("{0}  a\n{0}  a\n", one());
        of(&twice, "a").unwrap();
    }

    #[test]
    fn the_digest_of_a_file() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"one").unwrap();
        let (_, sum) = sha512(b"one");
        assert_eq!(sum.of_file(&mut file).unwrap(), sum);
        let sum = Sum::Sha256(Digest::of(b"one"));
        assert_eq!(sum.of_file(&mut file).unwrap(), sum);
    }
}
