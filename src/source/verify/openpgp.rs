//! OpenPGP: the keys of a distribution, and whether one of them signed something. Policy (which algorithms still count),
//! expiry and revocation are sequoia's business.

use std::io::{self, Read};
use std::time::SystemTime;

use sequoia_openpgp as openpgp;

use openpgp::cert::amalgamation::{ValidAmalgamation as _, ValidateAmalgamation as _};
use openpgp::cert::{Cert, CertParser};
use openpgp::parse::Parse as _;
use openpgp::parse::stream::{
    DetachedVerifierBuilder, GoodChecksum, MessageLayer, MessageStructure, VerificationError, VerificationHelper,
    VerifierBuilder,
};
use openpgp::policy::{Policy, StandardPolicy};
use openpgp::types::RevocationStatus;
use openpgp::{Fingerprint, KeyHandle};

use crate::source::Error;

/// The frame of a clear-signed message (RFC 9580 section 7).
const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// Keys whose signature is believed.
#[derive(Debug, Clone)]
pub struct Keyring(Vec<Cert>);

/// Something, and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    /// What is signed, and nothing besides.
    pub content: T,
    /// The keys that signed it: fingerprints of certificates, or ids of minisign keys.
    pub keys: Vec<String>,
}

impl Keyring {
    /// From the bytes of a keyring file, armored or not.
    ///
    /// # Errors
    /// [`Error::Keyring`] if it is none, or is empty.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let certs: openpgp::Result<Vec<Cert>> = CertParser::from_bytes(bytes).and_then(Iterator::collect);
        match certs {
            Ok(certs) if !certs.is_empty() => Ok(Self(certs)),
            Ok(_) => Err(Error::Keyring("there is no key in it".to_owned())),
            Err(error) => Err(Error::Keyring(error.to_string())),
        }
    }

    /// Only the certificates with these fingerprints, or all of them if none is named. The fingerprint is that of the
    /// primary key: a certificate can be given anybody's subkeys, but what they sign counts only if it owns them.
    ///
    /// # Errors
    /// [`Error::Keyring`] if what is named is no fingerprint, or none of them is in the ring.
    pub fn only<T: AsRef<str>>(self, fingerprints: &[T]) -> Result<Self, Error> {
        let parse = |text: &T| match text.as_ref().parse() {
            // A key id of 64 bits can be made to collide with another's.
            Ok(fingerprint @ (Fingerprint::V4(_) | Fingerprint::V6(_))) => Ok(fingerprint),
            _ => Err(Error::Keyring(format!("`{}` is no fingerprint", text.as_ref().escape_debug()))),
        };
        let wanted: Vec<Fingerprint> = fingerprints.iter().map(parse).collect::<Result<_, _>>()?;
        let named = |cert: &Cert| wanted.is_empty() || wanted.contains(&cert.fingerprint());
        let certs: Vec<Cert> = self.0.into_iter().filter(named).collect();
        match (certs.is_empty(), wanted.first()) {
            (true, Some(missing)) => Err(Error::Keyring(format!("key {missing} is not in it"))),
            _ => Ok(Self(certs)),
        }
    }

    /// The text of a clear-signed message, if at least one of its signatures is a good one by a key of this ring that is
    /// neither expired nor revoked `now`. Nothing may stand before or after the signed part; someone might read it.
    ///
    /// # Errors
    /// [`Error::Signature`].
    pub fn clear_signed(&self, url: &str, message: &[u8], now: SystemTime) -> Result<Signed<String>, Error> {
        let policy = StandardPolicy::new();
        let failed = |reasons| Error::Signature { url: url.to_owned(), reasons };
        check_frame(message).map_err(|reason| failed(vec![reason.to_owned()]))?;
        let mut verifier = VerifierBuilder::from_bytes(message)
            .and_then(|builder| builder.with_policy(&policy, now, self.check(&policy, now)))
            .map_err(|error| failed(vec![reason(error)]))?;
        let mut text = String::new();
        let read = verifier.read_to_string(&mut text);
        let keys = verifier.into_helper().outcome(read).map_err(failed)?;
        Ok(Signed { content: text, keys })
    }

    /// Checks a signature that is kept apart from its content; `url` is the signature's, for errors.
    ///
    /// # Errors
    /// [`Error::Signature`], also if the content cannot be read.
    pub fn detached(
        &self,
        url: &str,
        signature: &[u8],
        content: impl Read + Send + Sync,
        now: SystemTime,
    ) -> Result<Signed<()>, Error> {
        let policy = StandardPolicy::new();
        let failed = |reasons| Error::Signature { url: url.to_owned(), reasons };
        let mut verifier = DetachedVerifierBuilder::from_bytes(signature)
            .and_then(|builder| builder.with_policy(&policy, now, self.check(&policy, now)))
            .map_err(|error| failed(vec![reason(error)]))?;
        let read = verifier.verify_reader(content).map_err(|error| io::Error::other(reason(error)));
        let keys = verifier.into_helper().outcome(read).map_err(failed)?;
        Ok(Signed { content: (), keys })
    }

    fn check<'a>(&'a self, policy: &'a dyn Policy, now: SystemTime) -> Check<'a> {
        Check { ring: self, policy, now, signers: Vec::new(), reasons: Vec::new() }
    }
}

/// Whether a message is one clear-signed text from its first byte to its last.
fn check_frame(message: &[u8]) -> Result<(), &'static str> {
    let text = str::from_utf8(message).map_err(|_| "it is not text")?;
    let text = text.trim();
    if text.lines().next().map(str::trim_end) != Some(BEGIN) {
        return Err(if text.contains(BEGIN) { "text stands before the signed part" } else { "it is not signed" });
    }
    // In the signed text such a line would begin with `- `.
    let mut after = text.lines().skip_while(|line| line.trim_end() != END).skip(1);
    if after.next().is_some() { Err("text stands after the signed part") } else { Ok(()) }
}

/// An error of the parser's, without its Rust form.
fn reason(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> String {
    error.into().to_string()
}

struct Check<'a> {
    ring: &'a Keyring,
    policy: &'a dyn Policy,
    now: SystemTime,
    signers: Vec<Fingerprint>,
    reasons: Vec<String>,
}

impl Check<'_> {
    /// Sequoia asks whether the key was good when the signature was made. A stolen key that has expired since can make
    /// signatures with any date, so the key must be good today as well.
    fn good_today(&self, good: &GoodChecksum<'_>) -> openpgp::Result<Fingerprint> {
        let key = good.ka.clone().with_policy(self.policy, self.now)?;
        key.alive()?;
        key.valid_cert().alive()?;
        let revoked = |status: RevocationStatus<'_>| matches!(status, RevocationStatus::Revoked(_));
        if revoked(key.revocation_status()) || revoked(key.valid_cert().revocation_status()) {
            return Err(openpgp::Error::InvalidKey("the key has been revoked".to_owned()).into());
        }
        Ok(key.cert().fingerprint())
    }

    /// Who signed, or all that is wrong with the signatures. Both a reading to the end and a good signature are needed.
    fn outcome(mut self, read: io::Result<impl Sized>) -> Result<Vec<String>, Vec<String>> {
        match read {
            Ok(_) if !self.signers.is_empty() => return Ok(self.signers.iter().map(ToString::to_string).collect()),
            Ok(_) => {}
            Err(error) => self.reasons.push(error.to_string()),
        }
        if self.reasons.is_empty() {
            self.reasons.push("it is not signed".to_owned());
        }
        Err(self.reasons)
    }
}

impl VerificationHelper for Check<'_> {
    fn get_certs(&mut self, _: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(self.ring.0.clone())
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> openpgp::Result<()> {
        let groups = structure.into_iter().filter_map(|layer| match layer {
            MessageLayer::SignatureGroup { results } => Some(results),
            _ => None,
        });
        for result in groups.flatten() {
            match result {
                Ok(good) => match self.good_today(&good) {
                    Ok(signer) => self.signers.push(signer),
                    Err(error) => self.reasons.push(format!("key {}: {error}", good.ka.cert().fingerprint())),
                },
                Err(error) => self.reasons.push(describe(&error)),
            }
        }
        // The caller decides, with the reasons at hand.
        Ok(())
    }
}

fn describe(error: &VerificationError<'_>) -> String {
    match error {
        VerificationError::MissingKey { sig } => match sig.get_issuers().first() {
            Some(issuer) => format!("key {issuer} is not in the keyring"),
            None => "a signature names no key".to_owned(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame() {
        let whole = format!("{BEGIN}\nHash: SHA512\n\ntext\n-----BEGIN PGP SIGNATURE-----\n\nx\n{END}\n");
        check_frame(whole.as_bytes()).unwrap();
        check_frame(format!("\n{}\n\n", whole.replace('\n', "\r\n")).as_bytes()).unwrap();
        for (bad, reason) in [
            (format!("x\n{whole}"), "before"),
            (format!("{whole}x\n"), "after"),
            (format!("{whole}{whole}"), "after"),
            ("text".to_owned(), "not signed"),
        ] {
            assert!(check_frame(bad.as_bytes()).unwrap_err().contains(reason), "{bad}");
        }
        assert!(check_frame(b"\xff").is_err());
    }
}
