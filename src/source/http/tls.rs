//! What a TLS connection is believed for.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::Fault;

/// Whom to trust beside, or instead of, the certificate authorities of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// Further certificates (PEM, several in one text as it comes): of authorities, or the server's own.
    pub authorities: Vec<Vec<u8>>,
    /// The client's own certificate and its key (PEM).
    pub identity: Option<Vec<u8>>,
    /// Whoever answers is believed: what `insecure` asks for in a registries.conf.
    pub unverified: bool,
}

impl Tls {
    /// Settings for a client.
    pub(super) fn apply(&self, builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Fault> {
        if self.unverified {
            let builder = builder.tls_danger_accept_invalid_certs(true);
            return Ok(match &self.identity {
                Some(pem) => builder.identity(reqwest::Identity::from_pem(pem).map_err(certificate)?),
                None => builder,
            });
        }
        if self.authorities.is_empty() && self.identity.is_none() {
            return Ok(builder);
        }
        Ok(builder.tls_backend_preconfigured(self.config()?))
    }

    fn config(&self) -> Result<ClientConfig, Fault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let parse = |pem: &Vec<u8>| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let known = self.authorities.iter().map(parse).collect::<Result<Vec<_>, _>>().map_err(certificate)?.concat();
        let verifier = Verifier::new_with_extra_roots(known.clone(), provider.clone()).map_err(certificate)?;
        let building = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(certificate)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Known { verifier, known }));
        let Some(pem) = &self.identity else { return Ok(building.with_no_client_auth()) };
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(certificate)?;
        building.with_client_auth_cert(parse(pem).map_err(certificate)?, key).map_err(certificate)
    }
}

fn certificate(source: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Certificate(Box::new(source))
}

/// Believes whom the machine believes, and a server whose very certificate was put down for it: one that vouches for
/// itself, as people make them for a registry of their own, says of itself that it is an authority, which webpki takes for
/// no server at all.
#[derive(Debug)]
struct Known {
    verifier: Verifier,
    known: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.known.contains(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
