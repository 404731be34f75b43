//! Whoever reaches the port can take little of it: slow and silent connections are cut, and front-ends are
//! served beside as many of them as there are.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Scene;
use crate::support::until::PATIENCE;

/// Connections without a good token that are served at a time, and some more.
const CROWD: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_says_nothing_is_cut_and_a_front_end_is_served() {
    let scene = Scene::shared();
    let connect = || {
        let stream = TcpStream::connect(scene.controller.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut crowd: Vec<TcpStream> = (0..CROWD).map(|_| connect()).collect();
    for slow in crowd.iter_mut().take(20) {
        // The head of a handshake record whose rest never comes.
        slow.write_all(&[22, 3, 1, 2]).unwrap();
    }
    assert_eq!(scene.ask(&[]).await.status, 200);
    let ends =
        tokio::task::spawn_blocking(move || crowd.iter_mut().map(|each| each.read(&mut [0; 1])).collect());
    let ends: Vec<std::io::Result<usize>> = ends.await.unwrap();
    let cut = |end: &std::io::Result<usize>| match end {
        Ok(octets) => *octets == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    assert!(ends.iter().all(cut), "{ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_is_cut() {
    let scene = Scene::shared();
    let mut tls = scene.asker.shake_hands(&["h2"]).await.unwrap();
    // The preface, SETTINGS, and HEADERS without END_HEADERS; then CONTINUATION, an octet at a time.
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    tls.write_all(b"\0\0\x01\x01\x01\0\0\0\x01\x82").await.unwrap();
    let (mut read, mut write) = tokio::io::split(tls);
    let dribble = async {
        while write.write_all(b"\0\0\0\x09\0\0\0\0\x01").await.is_ok() {
            drop(write.flush().await);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let end = async { while read.read(&mut [0; 1024]).await.is_ok_and(|octets| octets > 0) {} };
    let cut = tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            () = dribble => {}
            () = end => {}
        }
    });
    assert!(cut.await.is_ok(), "a head may take for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_shows_no_good_token_is_cut_however_often_it_asks() {
    let scene = Scene::shared();
    let connection = scene.asker.connect().await;
    let answer = connection.ask(&scene.gateway, &[("authorization", "Bearer x")]).await.unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(connection.streams(), 8);
    connection.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_so_many_octets() {
    let scene = Scene::shared();
    let connection = scene.asker.connect().await;
    let long = "x".repeat(30_000);
    let answer = connection.ask(&scene.gateway, &[("authorization", &format!("Bearer {long}"))]).await;
    assert!(answer.as_ref().map_or(true, |answer| answer.status == 431), "{answer:?}");
    assert_eq!(scene.ask(&[]).await.status, 200);
}
