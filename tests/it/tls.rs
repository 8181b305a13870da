//! An origin behind TLS. The certificate is for `magento.test`, by an authority that only the fixture knows.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::{Setup, get};

const CA: &[u8] = include_bytes!("fixtures/tls-ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("fixtures/tls-cert.pem");
const KEY: &[u8] = include_bytes!("fixtures/tls-key.pem");

fn tls_origin() -> SocketAddr {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key fits");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = listener.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a valid configuration");
            let mut stream = StreamOwned::new(connection, stream);
            let mut space = [0; 4096];
            // A client that does not trust us ends the handshake here.
            if stream.read(&mut space).is_ok_and(|count| count > 0) {
                let name = stream.conn.server_name().unwrap_or("no name").to_owned();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    address
}

async fn asked(ca: Option<&'static [u8]>, tls_name: Option<&'static str>) -> (u16, String) {
    let address = tls_origin();
    let setup = Setup::upstream(move |config| {
        config.origin = format!("https://{address}").parse().expect("a URL");
        config.ca = ca.map(<[u8]>::to_vec);
        config.tls_name = tls_name.map(str::to_owned);
    });
    let answer = setup.start(address).await.exchange(get("/")).await;
    (answer.status(), answer.text())
}

#[tokio::test]
async fn reaches_an_origin_by_the_name_in_its_certificate() {
    assert_eq!(asked(Some(CA), Some("magento.test")).await, (200, "magento.test".to_owned()));
}

#[tokio::test]
async fn sends_nothing_to_an_origin_that_is_not_the_one() {
    assert_eq!(asked(Some(CA), Some("other.test")).await.0, 502, "another name");
    assert_eq!(asked(Some(CA), None).await.0, 502, "the address is not in the certificate");
}
