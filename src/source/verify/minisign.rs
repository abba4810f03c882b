//! Signatures by minisign(1): one Ed25519 key, no expiry, no revocation. Some
//! distributions make a key for each release.

use std::io::Read;

use minisign_verify::{Error as Failure, PublicKey, Signature};

use super::Signed;
use crate::source::Error;

/// Keys of which one must have signed.
#[derive(Debug, Clone)]
pub struct MinisignKeys(Vec<PublicKey>);

impl MinisignKeys {
    /// From the base64 form (`RWQ…`) of each, or the text of a `.pub` file, which has a line of comment before it.
    ///
    /// # Errors
    /// [`Error::Keyring`] if one of them is no key, or if there is none.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, Error> {
        let parse = |text: &T| {
            let text = text.as_ref().trim();
            if text.contains('\n') { PublicKey::decode(text) } else { PublicKey::from_base64(text) }
        };
        let keys: Result<Vec<_>, Failure> = texts.iter().map(parse).collect();
        match keys {
            Ok(keys) if !keys.is_empty() => Ok(Self(keys)),
            Ok(_) => Err(Error::Keyring("there is no key in it".to_owned())),
            Err(error) => Err(Error::Keyring(describe(&error))),
        }
    }

    /// Checks a signature file against the content that it is of; `url` is the signature's, for errors. Only signatures
    /// of a hash will do, as all have been since minisign 0.10: the older form needs all of the content in memory.
    ///
    /// # Errors
    /// [`Error::Signature`], also if the content cannot be read.
    pub fn detached(&self, url: &str, signature: &[u8], content: impl Read) -> Result<Signed<()>, Error> {
        let failed = |reasons| Error::Signature { url: url.to_owned(), reasons };
        let text = str::from_utf8(signature).map_err(|error| failed(vec![error.to_string()]))?;
        let signature = Signature::decode(text).map_err(|error| failed(vec![describe(&error)]))?;
        // A signature names its key, so at most one of them begins.
        let mut begun = Err(Failure::UnexpectedKeyId);
        for key in &self.0 {
            begun = begun.or_else(|_| key.verify_stream(&signature));
        }
        let mut verifier = begun.map_err(|error| failed(vec![describe(&error)]))?;
        super::in_pieces(content, |piece| verifier.update(piece)).map_err(|error| failed(vec![error.to_string()]))?;
        verifier.finalize().map_err(|error| failed(vec![describe(&error)]))?;
        Ok(Signed { content: (), keys: vec![id(text)] })
    }
}

/// The id of the key in a signature that is a good one, as `minisign` prints it: bytes 2 to 10, the last one first, as a
/// number without zeros before it.
fn id(signature: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let line = signature.lines().nth(1).unwrap_or_default();
    let bits = line.bytes().take(16).filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let number = bits.fold(0u128, |number, bits| (number << 6) | u128::try_from(bits).unwrap_or(0));
    // Sixteen digits are twelve bytes: the two of the algorithm, eight of the id, two of the signature.
    let [.., a, b, c, d, e, f, g, h] = (number >> 16).to_be_bytes();
    format!("{:X}", u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

fn describe(error: &Failure) -> String {
    match error {
        Failure::UnexpectedKeyId => "it was made with another key".to_owned(),
        Failure::InvalidSignature => "it is not of this content".to_owned(),
        Failure::UnsupportedLegacyMode => "it is in the form from before minisign 0.10".to_owned(),
        Failure::InvalidEncoding => "it is not in minisign's format".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
";

    #[test]
    fn a_good_signature() {
        for form in [KEY.to_owned(), format!("untrusted comment: minisign public key\n{KEY}\n")] {
            let keys = MinisignKeys::parse(&[form]).unwrap();
            assert_eq!(keys.detached("x", SIGNATURE.as_bytes(), &b"test"[..]).unwrap().keys, ["E7620F1842B4E81F"]);
        }
    }

    #[test]
    fn an_id_is_a_number() {
        assert_eq!(id("untrusted comment: x\nRUTJ6itooR8LBrVTym+S9t2W\n"), "60B1FA1682BEAC9");
    }

    #[test]
    fn bad_ones() {
        let keys = MinisignKeys::parse(&[KEY]).unwrap();
        let comment = SIGNATURE.replace("file:test", "file:best");
        for (signature, content) in [(SIGNATURE, "Test"), (comment.as_str(), "test"), ("", "test"), ("a\nb\nc", "test")]
        {
            let error = keys.detached("x", signature.as_bytes(), content.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::Signature { .. }), "{error}");
        }
        let other = KEY.replace("RWQf", "RWQe");
        let error =
            MinisignKeys::parse(&[other]).unwrap().detached("x", SIGNATURE.as_bytes(), &b"test"[..]).unwrap_err();
        assert!(error.to_string().contains("another key"), "{error}");
    }

    #[test]
    fn what_is_no_key() {
        for bad in ["", "RWQ", "not base64!", "AAAA6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"] {
            assert!(matches!(MinisignKeys::parse(&[bad]), Err(Error::Keyring(_))), "{bad}");
        }
        assert!(MinisignKeys::parse::<&str>(&[]).is_err());
    }
}
