//! The X server's cookies (Xau(3)): records of a family, an address, a display's number, a protocol's name and its data, each
//! but the first a length of two bytes, the high one first, and that many bytes.

/// The family of a record that counts for any host (`FamilyWild`): a box may have another host name than the one that the
/// display was opened under.
const ANY_HOST: u16 = 0xffff;

/// The records for a display, or for all, as they count in a box. A file that breaks off has those before that.
pub fn cookies(file: &[u8], display: u32) -> Vec<u8> {
    let display = display.to_string();
    let (mut rest, mut found) = (file, Vec::new());
    while let Some((record, after)) = next(rest) {
        let [_, number, name, data] = record;
        if number.is_empty() || number == display.as_bytes() {
            found.extend(ANY_HOST.to_be_bytes());
            for field in [&[], number, name, data] {
                // It was two bytes when it was read.
                found.extend(u16::try_from(field.len()).unwrap_or(0).to_be_bytes());
                found.extend(field);
            }
        }
        rest = after;
    }
    found
}

/// The first record's address, number, name and data, and what comes after it.
fn next(bytes: &[u8]) -> Option<([&[u8]; 4], &[u8])> {
    let (_family, mut rest) = bytes.split_at_checked(2)?;
    let mut fields: [&[u8]; 4] = [&[]; 4];
    for field in &mut fields {
        let (length, after) = rest.split_first_chunk::<2>()?;
        (*field, rest) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    }
    Some((fields, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(family: u16, fields: [&str; 4]) -> Vec<u8> {
        let field = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
        [family.to_be_bytes().to_vec(), fields.map(field).concat()].concat()
    }

    #[test]
    fn only_the_displays_own_cookies_are_kept() {
        let file = [
            record(256, ["host", "0", "MIT-MAGIC-COOKIE-1", "zero"]),
            record(256, ["host", "1", "MIT-MAGIC-COOKIE-1", "one"]),
            record(0, ["addr", "", "MIT-MAGIC-COOKIE-1", "any"]),
        ]
        .concat();
        let expected = [("0", "zero"), ("", "any")];
        let expected = expected.map(|(number, data)| record(0xffff, ["", number, "MIT-MAGIC-COOKIE-1", data]));
        assert_eq!(cookies(&file, 0), expected.concat());
        assert_eq!(cookies(&file[..file.len() - 1], 0), expected[0]);
        for broken in [&b""[..], b"\x01", b"\x01\x00\xff\xff", &file[..1]] {
            assert_eq!(cookies(broken, 0), b"");
        }
    }
}
