//! What a TLS connection is believed for.

use super::Fault;

/// Whom to trust beside, or instead of, the certificate authorities of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// Certificates of further authorities (PEM, several in one file as it comes).
    pub authorities: Vec<Vec<u8>>,
    /// The client's own certificate and its key (PEM).
    pub identity: Option<Vec<u8>>,
    /// Whoever answers is believed: what `insecure` asks for in a registries.conf.
    pub unverified: bool,
}

impl Tls {
    /// Settings for a client.
    pub(super) fn apply(&self, mut builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Fault> {
        let authorities: Vec<Vec<reqwest::Certificate>> = self
            .authorities
            .iter()
            .map(|pem| reqwest::Certificate::from_pem_bundle(pem).map_err(Fault::Certificate))
            .collect::<Result<_, _>>()?;
        if !authorities.is_empty() {
            builder = builder.tls_certs_merge(authorities.into_iter().flatten());
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(reqwest::Identity::from_pem(identity).map_err(Fault::Certificate)?);
        }
        Ok(if self.unverified { builder.tls_danger_accept_invalid_certs(true) } else { builder })
    }
}
