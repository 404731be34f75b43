//! What is not HTTP/2 over TLS 1.3 is turned away with a word.

use std::io::{Read, Write};
use std::net::TcpStream;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Scene;
use crate::support::until::PATIENCE;

const REQUEST: &[u8] = b"GET /v1/gateways/a/b/snapshot HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_told_to_use_tls() {
    let scene = Scene::shared();
    for said in [REQUEST, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = TcpStream::connect(scene.controller.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(said).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("this port speaks TLS"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_is_told_to_use_http_2() {
    let scene = Scene::shared();
    let mut tls = scene.asker.shake_hands(&[]).await.unwrap();
    tls.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    tls.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
    assert!(answer.contains("this port speaks HTTP/2"), "{answer}");

    let error = scene.asker.shake_hands(&["http/1.1"]).await.unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
}
