use std::collections::VecDeque;
use std::future::poll_fn;
use std::time::Duration;

use actix::Arbiter;
use bytes::Bytes;
use greenroom_actors::connection::{DialError, DialRequest, Frame, Link, LinkError, Transport};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Apart, Websocket};
use crate::platform::testing::{answer, header, nobody, request, serve, upgrade};
use crate::platform::tls::Trust;

fn ask(url: &str) -> DialRequest {
    DialRequest {
        url: SecretString::from(url),
        headers: Vec::new(),
        subprotocol: None,
        timeout: Duration::from_secs(5),
        max_frame: 1 << 20,
    }
}

async fn dial(url: &str) -> Result<Link, DialError> {
    Websocket::new().dial(ask(url)).await
}

/// Opens a link to a server that sends `bytes` after the handshake and then goes away.
async fn receive(bytes: &'static [u8]) -> Link {
    let address = serve(move |mut stream| async move {
        upgrade(&mut stream).await;
        stream.write_all(bytes).await.unwrap();
    })
    .await;
    dial(&format!("ws://{address}/")).await.unwrap()
}

async fn next(link: &mut Link) -> Result<VecDeque<Frame>, LinkError> {
    let mut frames = VecDeque::new();
    poll_fn(|cx| link.incoming.poll_frames(cx, &mut frames)).await?;
    assert!(!frames.is_empty());
    Ok(frames)
}

/// Reads until the link is lost.
async fn all(link: &mut Link) -> (Vec<Frame>, LinkError) {
    let mut frames = Vec::new();
    loop {
        match next(link).await {
            Ok(more) => frames.extend(more),
            Err(error) => return (frames, error),
        }
    }
}

async fn send(link: &mut Link, frame: Frame) {
    link.outgoing.push(frame).unwrap();
    poll_fn(|cx| link.outgoing.poll_flush(cx)).await.unwrap();
}

fn binary(payload: impl Into<Bytes>) -> Frame {
    Frame::Binary(payload.into())
}

#[actix_rt::test]
async fn frames_come_in_batches_and_a_cut_is_told_from_a_close() {
    let mut link = receive(b"\x82\x01a\x02\x01b\x80\x01c\x81\x01d").await;
    let (frames, error) = all(&mut link).await;
    let text = Frame::Text(Bytes::from_static(b"d"));
    assert_eq!(frames, [binary("a"), binary("bc"), text]);
    assert_eq!(error, LinkError::Ended);

    let mut link = receive(b"\x82\x01a\x88\x05\x0f\xa1bye\x82\x01z").await;
    let (frames, error) = all(&mut link).await;
    assert_eq!(
        frames,
        [binary("a"), Frame::Close(Some((4001, "bye".to_owned())))]
    );
    assert_eq!(error, LinkError::Ended);
}

#[actix_rt::test]
async fn garbage_and_oversized_messages_end_the_link_after_what_was_good() {
    let mut link = receive(b"\x82\x01agarbage, not frames").await;
    let (frames, error) = all(&mut link).await;
    assert_eq!(frames, [binary("a")]);
    assert!(matches!(error, LinkError::Protocol(_)), "{error:?}");

    let mut link = receive(b"\x82\x01a\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x00beginning").await;
    let (frames, error) = all(&mut link).await;
    assert_eq!(frames, [binary("a")]);
    assert_eq!(error, LinkError::Oversized(1 << 20));
}

#[actix_rt::test]
async fn pings_are_answered_without_the_callers_help() {
    let (told, hears) = futures::channel::oneshot::channel();
    let mut told = Some(told);
    let address = serve(move |mut stream| {
        let told = told.take().unwrap();
        async move {
            upgrade(&mut stream).await;
            stream.write_all(b"\x89\x03abc").await.unwrap();
            let mut pong = [0; 9];
            stream.read_exact(&mut pong).await.unwrap();
            told.send(pong).unwrap();
        }
    })
    .await;
    let mut link = dial(&format!("ws://{address}/")).await.unwrap();
    assert_eq!(
        next(&mut link).await.unwrap(),
        [Frame::Ping(Bytes::from_static(b"abc"))]
    );
    let pong = hears.await.unwrap();
    let unmasked: Vec<_> = (0..3).map(|at| pong[6 + at] ^ pong[2 + at]).collect();
    assert_eq!((&pong[..2], &unmasked[..]), (&b"\x8a\x83"[..], &b"abc"[..]));
}

#[actix_rt::test]
async fn a_socket_that_is_read_on_another_thread_is_like_any_other() {
    let thread = Arbiter::new();
    let dial = async |address: String| {
        let apart = Apart::new(thread.handle(), &Trust::web());
        apart.dial(ask(&format!("ws://{address}/"))).await
    };
    let address = serve(|mut stream| async move {
        upgrade(&mut stream).await;
        stream.write_all(b"\x82\x01a").await.unwrap();
        let mut decoder = Unmask::default();
        let mut bytes = vec![0; 100_000];
        while let Ok(read @ 1..) = stream.read(&mut bytes).await {
            for frame in decoder.frames(&bytes[..read]) {
                stream.write_all(&frame).await.unwrap();
            }
        }
    })
    .await;
    let mut link = dial(address).await.unwrap();
    assert_eq!(next(&mut link).await.unwrap(), [binary("a")]);
    for size in [1, 126, 65_535, 300_000] {
        let frame = binary(vec![7; size]);
        send(&mut link, frame.clone()).await;
        assert_eq!(next(&mut link).await.unwrap(), [frame], "{size}");
    }
    send(&mut link, Frame::Close(None)).await;
    assert_eq!(
        all(&mut link).await,
        (vec![Frame::Close(None)], LinkError::Ended)
    );

    let refused = dial(nobody().await).await.unwrap_err();
    assert!(matches!(refused, DialError::Unreachable(_)), "{refused}");
    thread.stop();
    thread.join().unwrap();
}

#[actix_rt::test]
async fn messages_of_every_size_survive_an_echo() {
    let address = serve(|mut stream| async move {
        upgrade(&mut stream).await;
        let mut decoder = Unmask::default();
        let mut bytes = vec![0; 100_000];
        while let Ok(read @ 1..) = stream.read(&mut bytes).await {
            for frame in decoder.frames(&bytes[..read]) {
                // In odd pieces, so that messages are cut everywhere.
                for part in frame.chunks(7_001) {
                    stream.write_all(part).await.unwrap();
                }
            }
        }
    })
    .await;
    let mut link = dial(&format!("ws://{address}/")).await.unwrap();
    let sizes = [
        0,
        1,
        125,
        126,
        4_095,
        4_096,
        4_097,
        65_535,
        65_536,
        300_000,
        3,
        1 << 20,
    ];
    for size in sizes {
        let payload: Bytes = (0..size).map(|at| (at * 7 % 251) as u8).collect();
        send(&mut link, binary(payload)).await;
    }
    let mut received = Vec::new();
    while received.len() < sizes.len() {
        received.extend(next(&mut link).await.unwrap());
    }
    for (frame, size) in received.into_iter().zip(sizes) {
        let Frame::Binary(payload) = frame else {
            panic!("{frame:?}");
        };
        assert_eq!(payload.len(), size);
        assert!(
            (0..size).all(|at| payload[at] == (at * 7 % 251) as u8),
            "{size}"
        );
    }
}

#[actix_rt::test]
async fn one_call_gives_out_a_bounded_number_of_frames() {
    let frames = [0x82, 0].repeat(3_000).leak();
    let mut link = receive(frames).await;
    let mut count = 0;
    while let Ok(frames) = next(&mut link).await {
        assert!(frames.len() <= 1_024);
        count += frames.len();
    }
    assert_eq!(count, 3_000);
}

#[actix_rt::test]
async fn a_refused_upgrade_tells_status_and_retry_after() {
    for (status, headers, expected) in [
        ("401 Unauthorized", "", (401, None)),
        (
            "503 Unavailable",
            "Retry-After: 7\r\n",
            (503, Some(Duration::from_secs(7))),
        ),
        ("200 OK", "Content-Type: text/html\r\n", (200, None)),
        ("302 Found", "Location: /elsewhere\r\n", (302, None)),
    ] {
        let address = serve(move |mut stream| async move {
            request(&mut stream).await;
            answer(stream, status, headers, b"<html>no</html>").await;
        })
        .await;
        match dial(&format!("ws://{address}/ws?token=abc"))
            .await
            .unwrap_err()
        {
            DialError::Refused {
                status,
                retry_after,
            } => assert_eq!((status, retry_after), expected),
            other => panic!("{other:?}"),
        }
    }
}

#[actix_rt::test]
async fn a_server_that_is_not_there_or_not_one_is_unreachable() {
    let address = nobody().await;
    let error = dial(&format!("ws://{address}/ws?token=abc"))
        .await
        .unwrap_err();
    assert!(matches!(error, DialError::Unreachable(_)), "{error:?}");
    assert!(!error.to_string().contains("abc"), "{error}");

    let address = serve(|mut stream| async move {
        request(&mut stream).await;
        stream
            .write_all(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
            .await
            .unwrap();
    })
    .await;
    let error = dial(&format!("ws://{address}/")).await.unwrap_err();
    assert!(matches!(error, DialError::Unreachable(_)), "{error:?}");
}

#[actix_rt::test]
async fn a_server_that_says_nothing_times_out() {
    let address = serve(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let mut request = ask(&format!("ws://{address}/"));
    request.timeout = Duration::from_millis(50);
    let error = Websocket::new().dial(request).await.unwrap_err();
    assert!(matches!(error, DialError::TimedOut(_)), "{error:?}");
}

#[actix_rt::test]
async fn what_cannot_be_dialed_is_refused_without_showing_it() {
    for url in [
        "",
        "no url",
        "http://127.0.0.1/?token=abc",
        "ws:///?token=abc",
        "ws://a b/?token=abc",
    ] {
        let error = dial(url).await.unwrap_err();
        assert!(matches!(error, DialError::Invalid(_)), "{url}: {error:?}");
        assert!(!error.to_string().contains("abc"), "{error}");
    }
    let mut request = ask("ws://127.0.0.1:1/");
    request
        .headers
        .push(("authorization", SecretString::from("abc\n")));
    let error = Websocket::new().dial(request).await.unwrap_err();
    assert!(matches!(error, DialError::Invalid(_)), "{error:?}");
    assert!(!error.to_string().contains("abc"), "{error}");
}

#[actix_rt::test]
async fn headers_and_subprotocol_are_offered() {
    let (told, hears) = futures::channel::oneshot::channel();
    let mut told = Some(told);
    let address = serve(move |mut stream| {
        let told = told.take().unwrap();
        async move {
            told.send(upgrade(&mut stream).await).unwrap();
        }
    })
    .await;
    let mut dialed = ask(&format!("ws://{address}/ws?lang=en&token=a%2Eb"));
    dialed
        .headers
        .push(("authorization", SecretString::from("Bearer abc")));
    dialed.subprotocol = Some("protobuf");
    Websocket::new().dial(dialed).await.unwrap();
    let request = hears.await.unwrap();
    assert!(
        request.starts_with("GET /ws?lang=en&token=a%2Eb HTTP/1.1\r\n"),
        "{request}"
    );
    assert_eq!(header(&request, "authorization"), Some("Bearer abc"));
    assert_eq!(header(&request, "sec-websocket-protocol"), Some("protobuf"));
}

#[actix_rt::test]
async fn a_peer_that_does_not_read_bounds_what_waits() {
    let address = serve(|mut stream| async move {
        upgrade(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut link = dial(&format!("ws://{address}/")).await.unwrap();
    let frame = binary(vec![0; 1 << 20]);
    let mut refused = None;
    for _ in 0..64 {
        if let Err(error) = link.outgoing.push(frame.clone()) {
            refused = Some(error);
            break;
        }
        let _ = futures::poll!(poll_fn(|cx| link.outgoing.poll_flush(cx)));
    }
    assert!(matches!(refused, Some(LinkError::Failed(_))), "{refused:?}");
}

/// Turns the masked frames of a client into those of a server.
#[derive(Default)]
struct Unmask(Vec<u8>);

impl Unmask {
    fn frames(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.0.extend_from_slice(bytes);
        let mut frames = Vec::new();
        while let Some(size) = self.size() {
            let (head, length) = size;
            if self.0.len() < head + 4 + length {
                break;
            }
            let rest = self.0.split_off(head + 4 + length);
            let mut frame = std::mem::replace(&mut self.0, rest);
            let mask: Vec<_> = frame.drain(head..head + 4).collect();
            frame[1] &= 0x7f;
            for at in 0..length {
                frame[head + at] ^= mask[at % 4];
            }
            frames.push(frame);
        }
        frames
    }

    fn size(&self) -> Option<(usize, usize)> {
        let length = *self.0.get(1)? & 0x7f;
        match length {
            126 => Some((
                4,
                u16::from_be_bytes(*self.0.get(2..)?.first_chunk()?) as usize,
            )),
            127 => Some((
                10,
                u64::from_be_bytes(*self.0.get(2..)?.first_chunk()?) as usize,
            )),
            length => Some((2, length.into())),
        }
    }
}
