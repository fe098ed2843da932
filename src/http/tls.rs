//! TLS for the listening socket, with a certificate that can be renewed while the service runs.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::config::Config;

/// The protocols above TLS, best first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];

/// What HTTP/2 is called there.
const HTTP2: &[u8] = b"h2";

/// Accepts TLS connections.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

/// The certificates and their key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}, which {setting} names: {source}.\nIt must be there, and readable for the service's user.", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds no PEM of the kind that it should.
    #[error("{} holds no {what} in PEM: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The key is not the certificate's, or of a kind that is not supported.
    #[error("the key in {} does not go with the certificate in {}: {source}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What does not fit.
        source: rustls::Error,
    },
}

/// What is shown to clients at the moment.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

// === impl Tls ===

impl Tls {
    /// With the certificate and key of `config`; `None` if it has none.
    pub fn new(config: &Config) -> Result<Option<Self>, TlsError> {
        let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) else { return Ok(None) };
        let provider = Arc::new(ring::default_provider());
        let current = Arc::new(Current(RwLock::new(read(certificate, key, &provider)?)));
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the cipher suites of these versions")
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        let acceptor = TlsAcceptor::from(Arc::new(server));
        Ok(Some(Self { certificate: certificate.clone(), key: key.clone(), current, acceptor }))
    }

    /// The files that it reads.
    pub fn files(&self) -> [&Path; 2] {
        [&self.certificate, &self.key]
    }

    /// Reads the files again. Connections from here on see the new certificate; open ones keep theirs. Returns the fingerprints of
    /// the old and the new one, if they differ.
    ///
    /// # Errors
    /// Everything stays as it was then.
    pub fn renew(&self) -> Result<Option<(String, String)>, TlsError> {
        let renewed = read(&self.certificate, &self.key, self.acceptor.config().crypto_provider())?;
        let mut current = self.current.0.write().unwrap_or_else(PoisonError::into_inner);
        let (before, after) = (fingerprint(&current), fingerprint(&renewed));
        *current = renewed;
        Ok((before != after).then_some((before, after)))
    }

    /// Makes a TLS connection of `socket`.
    pub async fn accept(&self, socket: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(socket).await
    }
}

impl fmt::Debug for Tls {
    // By hand so that nothing of the key is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Whether the client chose HTTP/2.
pub fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let (certificates, private) = (text(certificate, "server.tls_cert")?, text(key, "server.tls_key")?);
    let malformed = |path: &Path, what| {
        let path = path.to_owned();
        move |source| TlsError::Malformed { path, what, source }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificates).collect();
    let chain = chain.and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) });
    let chain = chain.map_err(malformed(certificate, "certificate"))?;
    let private = PrivateKeyDer::from_pem_slice(&private).map_err(malformed(key, "private key"))?;
    let certified = CertifiedKey::from_der(chain, private, provider);
    certified.map(Arc::new).map_err(|source| TlsError::Mismatch {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

fn text(path: &Path, setting: &'static str) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Io { path: path.to_owned(), setting, source })
}

/// The SHA-256 of the service's own certificate, as `openssl x509 -fingerprint -sha256` shows it but for colons.
fn fingerprint(key: &CertifiedKey) -> String {
    key.end_entity_cert().map_or_else(|_| String::new(), |certificate| hex::encode_upper(Sha256::digest(certificate)))
}

// === impl Current ===

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
