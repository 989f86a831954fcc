//! Whom outbound TLS trusts.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::NetError;

/// A TLS client that trusts the public roots and the authorities in `extra_ca_pem`. It presents no
/// certificate of its own and offers no application protocols; both can be added.
pub fn tls_config(extra_ca_pem: Option<&[u8]>) -> Result<ClientConfig, NetError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra_ca_pem {
        add_authorities(&mut roots, pem)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| NetError::Tls(error.to_string().into()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Every certificate of the file has to be usable: one that is left out in silence would only be missed when a
/// delivery fails.
fn add_authorities(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), NetError> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        count += 1;
        let broken = |why: String| NetError::ExtraCa(format!("certificate {count}: {why}").into());
        let certificate = certificate.map_err(|error| broken(error.to_string()))?;
        roots.add(certificate).map_err(|error| broken(error.to_string()))?;
    }
    match count {
        0 => Err(NetError::ExtraCa("it holds no certificate in PEM form".into())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn public_roots_need_no_file() {
        assert!(tls_config(None).is_ok());
    }

    #[test]
    fn extra_authorities_are_added() {
        let pem = format!("# ours\n{}\n{}", authority(), authority());
        assert!(tls_config(Some(pem.as_bytes())).is_ok());
    }

    #[rstest::rstest]
    #[case("", "no certificate")]
    #[case("hello", "no certificate")]
    #[case("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1")]
    #[case("-----BEGIN CERTIFICATE-----\nAAAA", "certificate 1")]
    fn a_file_that_cannot_be_used_is_refused(#[case] pem: &str, #[case] says: &str) {
        let error = tls_config(Some(pem.as_bytes())).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
