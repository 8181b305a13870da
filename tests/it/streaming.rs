//! Bodies flow as they come, both ways, in bounded memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::support::{Origin, Running, SOON, Setup, get};

#[tokio::test]
async fn passes_events_one_by_one() {
    let (next, turns) = tokio::sync::mpsc::channel::<()>(1);
    let turns = Arc::new(tokio::sync::Mutex::new(turns));
    let origin = Origin::script(move |mut connection| {
        let turns = Arc::clone(&turns);
        async move {
            connection.request().await;
            connection
                .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            for number in 0..3 {
                turns.lock().await.recv().await;
                connection.send(format!("9\r\ndata: {number}\n\n\r\n")).await;
            }
            connection.send("0\r\n\r\n").await;
        }
    })
    .await;
    let proxy = Running::default_for(&origin).await;
    let mut client = proxy.connect().await;
    client.send(get("/events")).await;
    assert_eq!(client.head().await.one("content-type"), Some("text/event-stream"));
    for number in 0..3 {
        // The origin does not go on before this event has arrived.
        next.send(()).await.expect("the origin listens");
        client.until(format!("data: {number}\n\n").as_bytes()).await;
    }
}

const UPLOAD: usize = 100 << 20;

#[tokio::test]
async fn streams_an_upload_in_bounded_memory() {
    for chunked in [false, true] {
        let taken = Arc::new(AtomicUsize::new(0));
        let (go, gate) = tokio::sync::watch::channel(false);
        let counter = Arc::clone(&taken);
        let origin = Origin::script(move |mut connection| {
            let (counter, mut gate) = (Arc::clone(&counter), gate.clone());
            async move {
                connection.head().await;
                let _ = gate.wait_for(|open| *open).await;
                while counter.load(Ordering::Relaxed) < UPLOAD {
                    let count = connection.some().await;
                    if count == 0 {
                        return;
                    }
                    counter.fetch_add(count, Ordering::Relaxed);
                }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
                // Chunks have more bytes than they hold. A connection that is closed with some of them unread is reset, and its answer lost.
                while connection.some().await > 0 {}
            }
        })
        .await;
        let proxy = Running::default_for(&origin).await;
        let mut client = proxy.connect().await;
        let framing =
            if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {UPLOAD}") };
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\nConnection: close\r\n\r\n")).await;
        let (reader, mut writer) = client.stream.into_split();
        let sent = Arc::new(AtomicUsize::new(0));
        let progress = Arc::clone(&sent);
        let sending = tokio::spawn(async move {
            let block = vec![b'x'; 64 << 10];
            for _ in 0..UPLOAD / block.len() {
                if chunked {
                    writer.write_all(b"10000\r\n").await.expect("open");
                }
                writer.write_all(&block).await.expect("open");
                if chunked {
                    writer.write_all(b"\r\n").await.expect("open");
                }
                progress.fetch_add(block.len(), Ordering::Relaxed);
            }
            if chunked {
                writer.write_all(b"0\r\n\r\n").await.expect("open");
            }
            writer
        });
        // The origin takes nothing yet: what is sent by now sits in sockets and in the proxy.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let held = sent.load(Ordering::Relaxed);
        assert!(held < 24 << 20, "{} MiB are held between client and origin", held >> 20);
        go.send_replace(true);
        let writer = tokio::time::timeout(SOON, sending).await.expect("the upload ends").expect("no panic");
        let client = reader.reunite(writer).expect("one socket");
        let mut answer = Vec::new();
        tokio::time::timeout(SOON, tokio::io::AsyncReadExt::read_to_end(&mut { client }, &mut answer))
            .await
            .expect("an answer comes")
            .expect("open");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        assert!(taken.load(Ordering::Relaxed) >= UPLOAD);
    }
}

#[tokio::test]
async fn does_not_read_ahead_of_a_slow_client() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let origin = Origin::script(move |mut connection| {
        let counter = Arc::clone(&counter);
        async move {
            connection.request().await;
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {UPLOAD}\r\n\r\n")).await;
            let block = vec![b'x'; 64 << 10];
            while connection.stream.write_all(&block).await.is_ok() {
                counter.fetch_add(block.len(), Ordering::Relaxed);
            }
        }
    })
    .await;
    let proxy = Running::default_for(&origin).await;
    let mut client = proxy.connect().await;
    client.send(get("/big")).await;
    assert_eq!(client.head().await.status(), 200);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let held = taken.load(Ordering::Relaxed);
    assert!(held < 24 << 20, "{} MiB are held between origin and client", held >> 20);
}

#[tokio::test]
async fn gives_up_on_a_client_that_stops_sending() {
    let origin = Origin::script(|mut connection| async move {
        connection.request().await;
    })
    .await;
    let setup = Setup::upstream(|config| config.upload_idle_timeout = Duration::from_millis(100));
    let proxy = setup.start(origin.address).await;
    let answer =
        proxy.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf").await;
    assert_eq!(answer.status(), 408);
}

#[tokio::test]
async fn gives_a_slow_upload_its_time() {
    let origin = Origin::answering_once(crate::support::ok("fine")).await;
    let setup = Setup::upstream(|config| config.header_timeout = Duration::from_millis(400));
    let proxy = setup.start(origin.address).await;
    let mut client = proxy.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\nConnection: close\r\n\r\n").await;
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.send("x").await;
    }
    assert_eq!(client.rest().await.status(), 200);
}

#[tokio::test]
async fn passes_an_answer_that_comes_before_the_upload_ends() {
    let origin = Origin::script(|mut connection| async move {
        connection.head().await;
        connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig").await;
        while connection.some().await > 0 {}
    })
    .await;
    let proxy = Running::default_for(&origin).await;
    let mut client = proxy.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst").await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.text().as_str()), (413, "big"));
}

#[tokio::test]
async fn lets_go_of_the_origin_when_the_client_leaves() {
    let (gone, mut noticed) = tokio::sync::mpsc::channel::<()>(1);
    let origin = Origin::script(move |mut connection| {
        let gone = gone.clone();
        async move {
            connection.request().await;
            while connection.some().await > 0 {}
            let _ = gone.send(()).await;
        }
    })
    .await;
    let proxy = Running::default_for(&origin).await;
    let mut client = proxy.connect().await;
    client.send(get("/slow")).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(client);
    tokio::time::timeout(SOON, noticed.recv()).await.expect("the origin's connection ends too");
}
