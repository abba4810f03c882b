//! A small Debian archive, made and signed on the spot.

use std::collections::HashMap;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use envbox::image::Digest;
use envbox::source::verify::Keyring;
use sequoia_openpgp as openpgp;

use openpgp::cert::{Cert, CertBuilder, CertRevocationBuilder};
use openpgp::crypto::KeyPair;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::SerializeInto as _;
use openpgp::serialize::stream::{LiteralWriter, Message, Signer};
use openpgp::types::ReasonForRevocation;

/// When the archives of these tests are made: `DATE`.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_789_199_741)
}
pub(crate) const DATE: &str = "Sat, 12 Sep 2026 07:55:41 UTC";

/// A signing key.
#[derive(Debug)]
pub(crate) struct Key {
    cert: Cert,
    /// When it signs.
    at: SystemTime,
}

impl Key {
    /// Valid for a year from a day before [`now`].
    pub(crate) fn new() -> Self {
        Self::valid_for(Duration::from_secs(365 * 86400))
    }

    pub(crate) fn valid_for(time: Duration) -> Self {
        Self::made(now(), time)
    }

    /// Valid by the clock of the machine, for who cannot be told another time.
    pub(crate) fn today() -> Self {
        Self::made(SystemTime::now(), Duration::from_secs(365 * 86400))
    }

    fn made(now: SystemTime, validity: Duration) -> Self {
        let builder = CertBuilder::new()
            .add_userid("archive@example.org")
            .add_signing_subkey()
            .set_creation_time(now - Duration::from_secs(86400))
            .set_validity_period(validity);
        Self { cert: builder.generate().unwrap().0, at: now - Duration::from_secs(1800) }
    }

    pub(crate) fn ring(&self) -> Keyring {
        Keyring::from_bytes(&self.bytes()).unwrap()
    }

    /// The public key.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.cert.clone().strip_secret_key_material().to_vec().unwrap()
    }

    pub(crate) fn fingerprint(&self) -> String {
        self.cert.fingerprint().to_hex()
    }

    /// The key, which its owner has revoked since it signed.
    pub(crate) fn revoked_ring(&self) -> Keyring {
        let mut signer = self.cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
        let revocation = CertRevocationBuilder::new()
            .set_signature_creation_time(now() - Duration::from_secs(60))
            .unwrap()
            .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"stolen")
            .unwrap()
            .build(&mut signer, &self.cert, None)
            .unwrap();
        let (revoked, _) = self.cert.clone().strip_secret_key_material().insert_packets(revocation).unwrap();
        Keyring::from_bytes(&revoked.to_vec().unwrap()).unwrap()
    }

    /// A signature that is kept apart from its content.
    pub(crate) fn detach(&self, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let signer = Signer::new(Message::new(&mut out), self.pair()).unwrap().creation_time(self.at);
        let mut signer = signer.detached().build().unwrap();
        signer.write_all(content).unwrap();
        signer.finalize().unwrap();
        out
    }

    /// A signed message in OpenPGP's own packets.
    pub(crate) fn sign_inline(&self, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let signer = Signer::new(Message::new(&mut out), self.pair()).unwrap().creation_time(self.at);
        let mut literal = LiteralWriter::new(signer.build().unwrap()).build().unwrap();
        literal.write_all(text.as_bytes()).unwrap();
        literal.finalize().unwrap();
        out
    }

    /// Clear-signs a text as of half an hour ago.
    pub(crate) fn sign(&self, text: &str) -> Vec<u8> {
        self.sign_with(None, text)
    }

    /// The same, with another key's signature besides.
    pub(crate) fn sign_with(&self, other: Option<&Self>, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let signer = Signer::new(Message::new(&mut out), self.pair()).unwrap().creation_time(self.at).cleartext();
        let signer = other.iter().fold(signer, |signer, other| signer.add_signer(other.pair()).unwrap());
        let mut signer = signer.build().unwrap();
        signer.write_all(text.as_bytes()).unwrap();
        signer.finalize().unwrap();
        out
    }

    fn pair(&self) -> KeyPair {
        let policy = StandardPolicy::new();
        let keys = self.cert.keys().unencrypted_secret().with_policy(&policy, self.at).for_signing();
        keys.last().unwrap().key().clone().into_keypair().unwrap()
    }
}

/// An archive, by path. What a test wants broken, it breaks in here.
#[derive(Debug, Default, Clone)]
pub(crate) struct Archive {
    pub(crate) files: HashMap<String, Vec<u8>>,
}

/// Name, other fields, size of the package.
pub(crate) type Deb<'a> = (&'a str, &'a str, usize);

pub(crate) const MINIMAL: [Deb<'_>; 4] = [
    ("base-files", "Essential: yes\nPre-Depends: libc6 (>= 2)", 3000),
    ("libc6", "Priority: optional", 300_000),
    ("apt", "Depends: libc6", 2000),
    ("ca-certificates", "Priority: standard", 100),
];

impl Archive {
    /// With one suite.
    pub(crate) fn new(key: &Key, suite: &str, more: &str, debs: &[Deb<'_>]) -> Self {
        let mut archive = Self::default();
        archive.suite(key, suite, DATE, more, debs);
        archive
    }

    /// Adds a suite, whose packages have version 2.0.
    pub(crate) fn suite(&mut self, key: &Key, suite: &str, date: &str, more: &str, debs: &[Deb<'_>]) {
        self.suite_of(key, suite, date, more, "amd64", &[("main", debs)]);
    }

    /// Adds a suite of some components, for an architecture.
    pub(crate) fn suite_of(
        &mut self,
        key: &Key,
        suite: &str,
        date: &str,
        more: &str,
        arch: &str,
        components: &[(&str, &[Deb<'_>])],
    ) {
        let indices: Vec<(&str, String)> =
            components.iter().map(|(component, debs)| (*component, self.packages(suite, arch, debs))).collect();
        self.release(key, suite, &format!("Date: {date}\n{more}"), arch, &indices);
    }

    /// Adds a suite by the indices of its components; the packages are the caller's to add.
    pub(crate) fn release(&mut self, key: &Key, suite: &str, more: &str, arch: &str, indices: &[(&str, String)]) {
        let directory = format!("/debian/dists/{suite}");
        let mut release =
            format!("Origin: Test\nSuite: {suite}\nCodename: {suite}\nAcquire-By-Hash: yes\n{more}SHA256:\n");
        for (component, packages) in indices {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(packages.as_bytes()).unwrap();
            let compressed = encoder.finish().unwrap();
            let (hex, size) = (Digest::of(&compressed).hex(), compressed.len());
            let binary = format!("{component}/binary-{arch}");
            release += &format!(
                " {} {} {binary}/Packages\n {hex} {size} {binary}/Packages.xz\n",
                Digest::of(packages.as_bytes()).hex(),
                packages.len(),
            );
            self.files.insert(format!("{directory}/{binary}/by-hash/SHA256/{hex}"), compressed);
        }
        self.files.insert(format!("{directory}/InRelease"), key.sign(&release));
    }

    /// Adds packages, and gives the index of them.
    fn packages(&mut self, suite: &str, arch: &str, debs: &[Deb<'_>]) -> String {
        let mut packages = String::new();
        for (name, fields, size) in debs {
            let content: Vec<u8> = name.bytes().chain(suite.bytes()).cycle().take(*size).collect();
            let path = format!("pool/{suite}/{name}_2.0_{arch}.deb");
            packages += &format!(
                "Package: {name}\nVersion: 2.0\nArchitecture: {arch}\n{fields}\nFilename: {path}\nSize: {size}\nSHA256: {}\n\n",
                Digest::of(&content).hex()
            );
            self.files.insert(format!("/debian/{path}"), content);
        }
        packages
    }

    /// The content at the first path that contains `part`.
    pub(crate) fn find(&mut self, part: &str) -> &mut Vec<u8> {
        self.files.iter_mut().find(|(path, _)| path.contains(part)).unwrap().1
    }
}
