//! The keys of distributions that this program carries. `keyrings/README.md` says which they are and from where.

/// Keyrings by name: OpenPGP certificates, binary or armored.
const KEYRINGS: &[(&str, &[u8])] = &[
    ("archlinux", include_bytes!("../../keyrings/archlinux.pgp")),
    ("debian", include_bytes!("../../keyrings/debian-archive.pgp")),
    ("fedora", include_bytes!("../../keyrings/fedora.pgp")),
    ("ubuntu", include_bytes!("../../keyrings/ubuntu-archive.pgp")),
];

/// The bytes of a keyring.
pub fn bytes(name: &str) -> Option<&'static [u8]> {
    KEYRINGS.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// The keyrings there are.
pub fn names() -> impl Iterator<Item = &'static str> {
    KEYRINGS.iter().map(|(name, _)| *name)
}
