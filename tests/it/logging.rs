//! One line per request, and nothing in it that is the shopper's own business.

use std::io;
use std::sync::{Arc, Mutex};

use crate::support::{Origin, Running, ok};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics while it logs").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn writes_one_line_per_request_without_secrets() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::TRACE);
    // The whole proxy runs on this test's thread.
    let guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    let origin = Origin::answering_once(ok("fine")).await;
    let proxy = Running::default_for(&origin).await;
    let request = "POST /login?token=s3cret HTTP/1.1\r\nHost: a\r\nCookie: PHPSESSID=s3cret\r\nAuthorization: Bearer s3cret\r\nContent-Length: 6\r\nConnection: close\r\n\r\ns3cret";
    let answer = proxy.exchange(request).await;
    let id = answer.one("x-request-id").expect("every answer has one");
    drop(guard);
    let text = String::from_utf8(lines.0.lock().expect("no test panics while it logs").clone()).expect("UTF-8");
    let ours: Vec<&str> = text.lines().filter(|line| line.contains("\"target\":\"segue")).collect();
    assert!(!ours.iter().any(|line| line.contains("s3cret")), "{ours:#?}");
    let access: Vec<&&str> = ours.iter().filter(|line| line.contains("segue::access")).collect();
    assert_eq!(access.len(), 1, "{text}");
    let line: serde_json::Value = serde_json::from_str(access[0]).expect("JSON");
    assert_eq!((line["http.path"].as_str(), line["http.status"].as_u64()), (Some("/login"), Some(200)));
    assert_eq!((line["answer.bytes"].as_u64(), line["answer.outcome"].as_str()), (Some(4), Some("complete")));
    assert_eq!((line["request.id"].as_str(), line["client.address"].as_str()), (Some(id), Some("127.0.0.1")));
    assert!(line["origin.ms"].is_number() && line["duration.ms"].is_number(), "{line}");
}
