//! The admin port over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    admin: Admin,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let admin = Admin { metrics: Metrics::new(), readiness: Readiness::new(), feed: Some(Feed::default()) };
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(admin.clone().serve(listener, async { drop(stopped.await) }));
    Running { address, admin, stop, task }
}

/// Sends a request with `Connection: close`, returns all that comes back.
async fn exchange(address: SocketAddr, request_line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{request_line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("an answer in time").unwrap();
    answer
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let running = start().await;
    running.admin.metrics.message_memory().set(42);
    let answer = exchange(running.address, "GET /metrics").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("\nmailchute_message_memory_bytes 42\n"), "{body}");
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let running = start().await;
    let answer = exchange(running.address, "HEAD /metrics").await;
    let length = running.admin.metrics.render().len();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(&format!("content-length: {length}\r\n")), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn readiness_says_why_not() {
    let running = start().await;
    let answer = exchange(running.address, "GET /readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\nstarting\n"), "{answer}");

    running.admin.readiness.set_ready();
    let answer = exchange(running.address, "GET /readyz?verbose").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok\n"), "{answer}");

    running.admin.readiness.set_not_ready("draining");
    let answer = exchange(running.address, "GET /readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\ndraining\n"), "{answer}");
    let answer = exchange(running.address, "GET /livez").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[tokio::test]
async fn other_paths_and_methods_are_turned_away() {
    let running = start().await;
    for path in ["/", "/metrics/", "/livez/x", "//livez"] {
        let answer = exchange(running.address, &format!("GET {path}")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    let answer = exchange(running.address, "POST /metrics").await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD\r\n"), "{answer}");
}

#[tokio::test]
async fn shutdown_lets_idle_connections_go() {
    let running = start().await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 12];
    timeout(DEADLINE, idle.read_exact(&mut answer)).await.expect("an answer in time").unwrap();
    assert_eq!(answer, b"HTTP/1.1 200");

    running.stop.send(()).unwrap();
    timeout(DEADLINE, running.task).await.expect("it stops in time").unwrap();
    timeout(DEADLINE, idle.read_to_end(&mut answer)).await.expect("it is closed").unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

const TIGHT: Limits = Limits {
    connections: 1,
    per_address: 1,
    idle: Duration::from_millis(50),
    age: Duration::from_secs(60),
    grace: Duration::from_secs(5),
};

#[tokio::test]
async fn a_client_that_says_nothing_does_not_keep_others_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handle = |_| async { answer::new(StatusCode::OK, PLAIN, "ok\n") };
    let task = tokio::spawn(listen::serve(listener, TIGHT, handle, std::future::pending()));

    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET / HTT").await.unwrap();
    let answer = timeout(DEADLINE, exchange(address, "GET /")).await.expect("room in time");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let mut rest = Vec::new();
    timeout(DEADLINE, silent.read_to_end(&mut rest)).await.expect("it is closed").unwrap();
    task.abort();
}

#[tokio::test]
async fn one_client_does_not_keep_others_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handle = |_| async { answer::new(StatusCode::OK, PLAIN, "ok\n") };
    let limits = Limits { connections: 4, per_address: 2, idle: Duration::from_secs(60), ..TIGHT };
    let task = tokio::spawn(listen::serve(listener, limits, handle, std::future::pending()));

    let open = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    let mut third = TcpStream::connect(address).await.unwrap();
    let mut rest = Vec::new();
    timeout(DEADLINE, third.read_to_end(&mut rest)).await.expect("it is closed").unwrap();
    let other = TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = other.connect(address).await.unwrap();
    other.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 12];
    timeout(DEADLINE, other.read_exact(&mut answer)).await.expect("an answer in time").unwrap();
    assert_eq!(answer, b"HTTP/1.1 200");

    drop(open);
    let freed = async {
        loop {
            let mut next = TcpStream::connect(address).await.unwrap();
            let asked = next.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            if asked.is_ok() && next.read_exact(&mut answer).await.is_ok() {
                break;
            }
        }
    };
    timeout(DEADLINE, freed).await.expect("room for it again");
    task.abort();
}

#[tokio::test]
async fn transactions_are_for_who_asks_from_the_pod_itself_by_address() {
    let running = start().await;
    for (path, status, says) in [
        ("/v1/transactions?after=0", 200, "{\"missed\":0,\"next\":0,\"transactions\":[]}"),
        ("/v1/transactions?colour=red", 400, "colour=red: no such parameter"),
    ] {
        let answer = exchange(running.address, &format!("GET {path}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(says), "{answer}");
    }
    let answer = exchange(running.address, "POST /v1/transactions").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}
