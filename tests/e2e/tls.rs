//! TLS: both versions of HTTP on it, and a certificate that is renewed while the service runs.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client, ClientBuilder, Version};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::support::{KEY, Proxy, ask, ask_stream, command, json_lines, signal, stream_events, stream_text};

/// A certificate and its key, as files.
struct Files {
    folder: TempDir,
}

// === impl Files ===

impl Files {
    /// Files with a certificate of their own, and that certificate.
    fn new() -> (Self, Certificate) {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        let certificate = files.renew();
        (files, certificate)
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Puts another certificate into the files.
    fn renew(&self) -> Certificate {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(self.certificate(), cert.pem()).unwrap();
        fs::write(self.key(), signing_key.serialize_pem()).unwrap();
        Certificate::from_pem(cert.pem().as_bytes()).unwrap()
    }

    async fn proxy(&self, trusted: &Certificate) -> Proxy {
        let (certificate, key) = (self.certificate(), self.key());
        let paths = [("PROXY_TLS_CERT", certificate.to_str().unwrap()), ("PROXY_TLS_KEY", key.to_str().unwrap())];
        let proxy = Proxy::spawn_with(&paths).await;
        assert!(proxy.address.starts_with("https://"), "{}", proxy.address);
        proxy.until("it is ready", async || readyz(&proxy, trusted).await == Some(200)).await;
        proxy
    }
}

/// A client that trusts nothing else, and has met nobody yet.
fn client(trusted: &Certificate) -> ClientBuilder {
    Client::builder().add_root_certificate(trusted.clone())
}

/// What `/readyz` answers such a client; `None` if there is no connection.
async fn readyz(proxy: &Proxy, trusted: &Certificate) -> Option<u16> {
    let response = client(trusted).build().unwrap().get(format!("{}/readyz", proxy.address)).send().await.ok()?;
    Some(response.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_served() {
    let (files, certificate) = Files::new();
    let proxy = files.proxy(&certificate).await;
    let url = format!("{}/v1/chat/completions", proxy.address);
    let post = |client: ClientBuilder| client.build().unwrap().post(&url).bearer_auth(KEY);

    let answer = post(client(&certificate)).json(&ask("say:hi")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    let answer = post(client(&certificate).http1_only()).json(&ask_stream("say:over and over")).send().await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_11);
    let (events, done) = stream_events(&answer.text().await.unwrap());
    assert_eq!((stream_text(&events).as_str(), done), ("over and over", true));

    // Somebody who does not speak TLS gets nothing, and disturbs nobody.
    let mut plain = TcpStream::connect(proxy.address.trim_start_matches("https://")).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    let _ = plain.read_to_end(&mut got).await;
    assert!(!got.starts_with(b"HTTP/"), "{got:?}");
    assert_eq!(readyz(&proxy, &certificate).await, Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_from_the_next_connection_on() {
    let (files, before) = Files::new();
    let proxy = files.proxy(&before).await;

    // One that is broken changes nothing, and is told.
    fs::write(files.certificate(), "no certificate").unwrap();
    proxy.logged(|line| line.contains("the certificate stays as it was")).await;
    assert_eq!(readyz(&proxy, &before).await, Some(200));

    let after = files.renew();
    proxy.until("the new one is shown", async || readyz(&proxy, &after).await == Some(200)).await;
    assert_eq!(readyz(&proxy, &before).await, None, "the old one is not shown any more");

    // The same at once, for whoever cannot wait a second.
    let last = files.renew();
    signal(proxy.pid(), "HUP");
    proxy.until("the last one is shown", async || readyz(&proxy, &last).await == Some(200)).await;
    let events = json_lines(&proxy.trace(&["events", "--json"]).await);
    let changed = events.iter().filter(|event| event["data"]["flag"] == "server.tls_cert");
    assert_eq!(changed.count(), 2, "each renewal is an event");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_do_not_fit_are_refused_at_the_start() {
    let ((files, _), (other, _)) = (Files::new(), Files::new());
    let refused = async |certificate: &Path, key: &Path| {
        let state = tempfile::tempdir().unwrap();
        let mut command = command(state.path());
        command
            .env("PROXY_UPSTREAM_BASE_URL", "http://127.0.0.1:1/v1")
            .arg("--tls-cert")
            .arg(certificate)
            .arg("--tls-key")
            .arg(key);
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(78));
        String::from_utf8(output.stderr).unwrap()
    };
    let message = refused(&files.certificate(), &other.key()).await;
    assert!(message.contains("does not go with"), "{message}");
    let message = refused(&files.key(), &files.key()).await;
    assert!(message.contains("holds no certificate in PEM"), "{message}");
    let message = refused(&files.certificate(), Path::new("/nowhere/key.pem")).await;
    assert!(message.contains("/nowhere/key.pem") && message.contains("server.tls_key"), "{message}");
    let key = fs::read_to_string(files.key()).unwrap();
    let secret = key.lines().nth(1).unwrap();
    assert!(!message.contains(secret), "the key is not told");
}
