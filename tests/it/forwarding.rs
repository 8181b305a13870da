//! What the origin is told about a request and its client.

use segue::proxy::headers;

use crate::support::{Origin, Received, Running, Setup, get, ok};

async fn sent(setup: Setup, request: impl AsRef<[u8]>) -> (Received, crate::support::Answer) {
    let origin = Origin::answering(ok("fine")).await;
    let answer = setup.start(origin.address).await.exchange(request).await;
    assert_eq!(answer.status(), 200, "{}", answer.head);
    (origin.only_request(), answer)
}

#[tokio::test]
async fn sends_the_target_and_host_as_received() {
    let (seen, _) = sent(Setup::default(), get("/a%2Fb//c;d?e=%C3%A9&&f?g")).await;
    assert_eq!(seen.first_line(), "GET /a%2Fb//c;d?e=%C3%A9&&f?g HTTP/1.1");
    assert_eq!(seen.all("host"), ["shop.test"]);
    let (seen, _) = sent(Setup::default(), get("//evil.test/a")).await;
    assert_eq!((seen.first_line(), seen.all("host")), ("GET //evil.test/a HTTP/1.1", vec!["shop.test"]));
}

#[tokio::test]
async fn turns_an_absolute_target_into_a_path_and_its_host() {
    let request = "GET http://Shop.Test:8080/a?b HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n";
    let (seen, _) = sent(Setup::default(), request).await;
    assert_eq!((seen.first_line(), seen.all("host")), ("GET /a?b HTTP/1.1", vec!["Shop.Test:8080"]));
    let (seen, _) =
        sent(Setup::default(), "GET http://shop.test HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(seen.first_line(), "GET / HTTP/1.1");
}

#[tokio::test]
async fn passes_options_for_the_whole_server() {
    let (seen, _) = sent(Setup::default(), "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(seen.first_line(), "OPTIONS * HTTP/1.1");
}

#[tokio::test]
async fn believes_no_stranger_on_who_he_is() {
    let request = "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 6.6.6.6\r\nX-FORWARDED-PROTO: https\r\nX-Forwarded-Host: evil.test\r\nForwarded: for=6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX-Request-Id: mine\r\nConnection: close, x-forwarded-for\r\n\r\n";
    let (seen, answer) = sent(Setup::default(), request).await;
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.all("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.all("x-forwarded-host"), ["shop.test"]);
    assert!(!seen.head.contains("6.6.6.6") && !seen.head.contains("evil.test"), "{}", seen.head);
    assert_ne!(answer.one("x-request-id"), Some("mine"));
    assert_eq!(seen.one("x-request-id"), answer.one("x-request-id"));
}

#[tokio::test]
async fn believes_a_trusted_proxy() {
    let request = "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Request-Id: edge-1\r\nConnection: close\r\n\r\n";
    let (seen, answer) = sent(Setup::trusting_loopback(), request).await;
    assert_eq!(seen.all("x-forwarded-for"), ["203.0.113.9, 127.0.0.1"]);
    assert_eq!((seen.one("x-forwarded-proto"), seen.one("x-forwarded-port")), (Some("https"), Some("443")));
    assert_eq!((seen.one("x-request-id"), answer.one("x-request-id")), (Some("edge-1"), Some("edge-1")));
}

#[tokio::test]
async fn keeps_what_connection_names_from_the_origin() {
    let request =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 3\r\nX-End: 2\r\n\r\n";
    let (seen, _) = sent(Setup::default(), request).await;
    assert_eq!((seen.one("x-hop"), seen.one("keep-alive"), seen.one("x-end")), (None, None, Some("2")));
}

#[tokio::test]
async fn sends_no_trailers_that_could_pass_for_headers() {
    let request = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: aep-segments-membership\r\n\r\n1\r\nx\r\n0\r\naep-segments-membership: vip\r\n\r\n";
    let (seen, _) = sent(Setup::default(), request).await;
    assert_eq!((seen.body.as_slice(), seen.one("trailer")), (&b"x"[..], None));
}

#[tokio::test]
async fn ends_a_circle() {
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = front.local_addr().expect("a bound socket has an address");
    // The listener in front hands every connection to the proxy, whose origin it is.
    let proxy = Setup::default().start(address).await;
    let target = proxy.address;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = front.accept().await {
            tokio::spawn(async move {
                let mut proxy = tokio::net::TcpStream::connect(target).await.expect("the proxy accepts");
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut proxy).await;
            });
        }
    });
    let answer = proxy.exchange(get("/")).await;
    assert_eq!(answer.status(), 508);
}

#[tokio::test]
async fn keeps_its_own_paths_from_the_origin() {
    let origin = Origin::answering(ok("fine")).await;
    let proxy = Running::default_for(&origin).await;
    assert_eq!(proxy.exchange(get("/.segue/health")).await.status(), 404);
    assert!(origin.received().is_empty());
}

#[tokio::test]
async fn sends_the_configured_host() {
    let mut setup = Setup::default();
    setup.proxy.headers = headers::Config { host: Some("magento.test".parse().expect("valid")), ..Default::default() };
    let (seen, _) = sent(setup, get("/")).await;
    assert_eq!((seen.all("host"), seen.one("x-forwarded-host")), (vec!["magento.test"], Some("shop.test")));
}

#[tokio::test]
async fn refuses_what_no_shop_needs_without_asking_the_origin() {
    let origin = Origin::answering(ok("fine")).await;
    let proxy = Running::default_for(&origin).await;
    for (request, status) in [
        ("CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n", 405),
        ("TRACE / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n", 405),
        ("PURGE / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: rain\r\nConnection: close\r\n\r\n", 417),
    ] {
        assert_eq!(proxy.exchange(request).await.status(), status, "{request:?}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "a".repeat(20_000));
    assert_eq!(proxy.exchange(long).await.status(), 414);
    let heavy = format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nConnection: close\r\n\r\n", "a".repeat(200_000));
    assert_eq!(proxy.exchange(heavy).await.status(), 431);
    let many: String = (0..150).map(|number| format!("x-{number}: 1\r\n")).collect();
    assert_eq!(proxy.exchange(format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")).await.status(), 431);
    assert!(origin.received().is_empty());
}
