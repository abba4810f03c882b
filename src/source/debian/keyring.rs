//! The archive's keys, and whether one of them signed a text.

use std::io::Read as _;
use std::time::SystemTime;

use sequoia_openpgp as openpgp;

use openpgp::cert::amalgamation::{ValidAmalgamation as _, ValidateAmalgamation as _};
use openpgp::cert::{Cert, CertParser};
use openpgp::parse::Parse as _;
use openpgp::parse::stream::{
    GoodChecksum, MessageLayer, MessageStructure, VerificationError, VerificationHelper, VerifierBuilder,
};
use openpgp::policy::{Policy, StandardPolicy};
use openpgp::types::RevocationStatus;
use openpgp::{Fingerprint, KeyHandle};

use crate::source::Error;

/// Debian's archive keys. `keyrings/README.md` says which and from where.
const DEBIAN: &[u8] = include_bytes!("../../../keyrings/debian-archive.pgp");

/// Keys whose signature on an archive is believed.
#[derive(Debug, Clone)]
pub struct Keyring(Vec<Cert>);

/// A text, and who signed it.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) text: String,
    pub(super) signers: Vec<Fingerprint>,
}

impl Keyring {
    /// The keys of Debian's archive that this program carries.
    ///
    /// # Errors
    /// Never, unless the program was built with a broken file.
    pub fn debian() -> Result<Self, Error> {
        Self::from_bytes(DEBIAN)
    }

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

    /// The text of a clear-signed message, if at least one of its signatures is a good one by a key of this ring that is
    /// neither expired nor revoked `now`. Only what the signature covers is returned.
    pub(super) fn verify(&self, url: &str, message: &[u8], now: SystemTime) -> Result<Signed, Error> {
        let policy = StandardPolicy::new();
        let check = Check { ring: self, policy: &policy, now, signers: Vec::new(), reasons: Vec::new() };
        let unsigned = |error: openpgp::Error| vec![error.to_string()];
        let failed = |reasons| Error::Signature { url: url.to_owned(), reasons };
        let mut verifier = VerifierBuilder::from_bytes(message)
            .and_then(|builder| builder.with_policy(&policy, now, check))
            .map_err(|error| failed(error.downcast().map_or_else(|error| vec![error.to_string()], unsigned)))?;
        let mut text = String::new();
        let read = verifier.read_to_string(&mut text);
        let Check { signers, mut reasons, .. } = verifier.into_helper();
        if let Err(error) = read {
            reasons.push(error.to_string());
        }
        if signers.is_empty() || text.is_empty() {
            if reasons.is_empty() {
                reasons.push("it is not signed".to_owned());
            }
            return Err(failed(reasons));
        }
        Ok(Signed { text, signers })
    }
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
