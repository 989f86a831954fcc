//! Certificates for servers on loopback.

use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

/// A fresh certificate of a fresh authority.
pub(crate) struct Certificate {
    pub(crate) acceptor: TlsAcceptor,
    /// The authority, in PEM form.
    pub(crate) authority: String,
}

impl Certificate {
    /// A certificate for these names and addresses. It is no authority itself: rustls would not take it.
    pub(crate) fn new(names: &[&str]) -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(params, authority_key);

        let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();

        let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority: authority.pem() }
    }
}
