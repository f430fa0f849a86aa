//! Whom a client trusts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_tls::connect::rustls_0_23::webpki_roots_cert_store;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The authorities whose certificates a client accepts: those of the web, and those of a file.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

/// A file with certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// It has no certificate.
    #[error("{path} has no certificate in PEM form", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read, or is not PEM.
    #[error("the certificates in {path} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Trust {
    /// Trusts the authorities of the web.
    #[must_use]
    pub fn web() -> Self {
        Self::of(webpki_roots_cert_store())
    }

    /// Trusts the authorities in a PEM file as well.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not PEM, or has no certificate.
    pub fn with_file(path: &Path) -> Result<Self, TrustError> {
        let unreadable = |reason: String| TrustError::Unreadable {
            path: path.to_owned(),
            reason,
        };
        let mut roots = webpki_roots_cert_store();
        let found = CertificateDer::pem_file_iter(path);
        let mut count = 0;
        for certificate in found.map_err(|error| unreadable(error.to_string()))? {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| unreadable(error.to_string()))?;
            count += 1;
        }
        match count {
            0 => Err(TrustError::Empty {
                path: path.to_owned(),
            }),
            _ => Ok(Self::of(roots)),
        }
    }

    /// Trusts the authorities in a file as well, if one is given.
    ///
    /// # Errors
    ///
    /// As [`with_file`](Self::with_file).
    pub fn new(path: Option<&Path>) -> Result<Self, TrustError> {
        path.map_or_else(|| Ok(Self::web()), Self::with_file)
    }

    fn of(roots: rustls::RootCertStore) -> Self {
        // Fails if the program has chosen a provider before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self::web()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let text = |path: &Path| Trust::with_file(path).unwrap_err().to_string();
        assert!(text(&path).contains("ca.pem cannot be read"));
        std::fs::write(&path, "hello").unwrap();
        assert!(text(&path).contains("ca.pem has no certificate"));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, broken).unwrap();
        assert!(text(&path).contains("ca.pem cannot be read"));
    }
}
