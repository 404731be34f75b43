//! A real nginx in front of an HTTP backend: HTTP/2, a client certificate, and its own error pages.

use std::fs;
use std::net::SocketAddr;

use crate::MESSAGE;
use crate::support::certificates::{Authority, Certificate};
use crate::support::client::{Client, Reply};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::server::{Server, folder};

/// Octets of a body that it takes.
const MOST: usize = 64 * 1024;

/// It asks for a certificate of `clients`, and hands on to `backend`.
fn nginx(authority: &Authority, clients: &Authority, backend: SocketAddr) -> (Server, SocketAddr) {
    let (folder, address) = (folder(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    authority.server(&["127.0.0.1"]).write(folder.path(), "server");
    fs::write(folder.path().join("clients.crt"), clients.pem()).unwrap();
    let path = folder.path().display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String =
        temporary.iter().map(|name| format!("  {name}_temp_path {path}/{name};\n")).collect();
    let configuration = format!(
        "daemon off;\npid {path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n{temporary}  \
         server {{\n    listen {address} ssl http2;\n    ssl_certificate server.crt;\n    \
         ssl_certificate_key server.key;\n    ssl_client_certificate clients.crt;\n    ssl_verify_client on;\n    \
         client_max_body_size {MOST};\n    location / {{\n      proxy_pass http://{backend};\n      \
         proxy_set_header X-Protocol $server_protocol;\n      proxy_set_header X-Client $ssl_client_s_dn;\n      \
         proxy_set_header X-Requests $connection_requests;\n      proxy_read_timeout 1s;\n    }}\n  }}\n}}\n"
    );
    fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
    let prefix = folder.path().to_str().unwrap().to_owned();
    let server =
        Server::start(folder, address, "nginx", &["-p", &prefix, "-e", "stderr", "-c", "nginx.conf"]);
    (server, address)
}

/// A front-end whose backend is nginx, and what it is shown.
fn front_end(nginx: SocketAddr, authority: &Authority, own: Option<&Certificate>) -> FrontEnd {
    let port = free_port();
    let manifests = Manifests::listening(port).all_to(nginx);
    let manifests = manifests.secret("ca", "Opaque", &[("ca.crt", &authority.pem())]);
    let (manifests, shown) = match own {
        Some(own) => (manifests.certificate("own", own), ", clientCertificateRef: {name: own}"),
        None => (manifests, ""),
    };
    let plain = format!("http: {{url: \"http://{nginx}/inbound\"}}");
    let tls =
        format!("http: {{url: \"https://{nginx}/inbound\", tls: {{caSecretRef: {{name: ca}}{shown}}}}}");
    FrontEnd::start_with(port, &manifests.yaml().replace(&plain, &tls), &[])
}

fn send(client: &mut Client, message: &[u8]) -> Reply {
    client.send("a@client.example", &["b@example.org"], message)
}

#[test]
fn messages_go_through_by_http_2_with_a_certificate() {
    let (authority, clients, backend) = (Authority::new(), Authority::new(), Recorder::start());
    let (server, address) = nginx(&authority, &clients, backend.address);
    let front_end = front_end(address, &authority, Some(&clients.client("mailchute", &[])));
    let mut client = Client::greeted(front_end.smtp);
    for _ in 0..3 {
        let reply = send(&mut client, MESSAGE.as_bytes());
        assert_eq!(reply.code, 250, "{reply:?}\n{}", server.log());
    }
    let received = backend.received();
    assert_eq!(received.len(), 3);
    for (received, nth) in received.iter().zip(["1", "2", "3"]) {
        received.assert_carries(MESSAGE.as_bytes());
        assert_eq!(received.header("x-protocol"), "HTTP/2.0");
        assert_eq!(received.header("x-client"), "CN=mailchute");
        assert_eq!(received.header("x-requests"), nth, "one connection serves them all");
    }
}

#[test]
fn its_error_pages_bounce_no_mail() {
    let (authority, clients, backend) = (Authority::new(), Authority::new(), Recorder::start());
    let (_server, address) = nginx(&authority, &clients, backend.address);
    let certificate = clients.client("mailchute", &[]);
    let front = front_end(address, &authority, Some(&certificate));
    let mut client = Client::greeted(front.smtp);
    let too_large = format!("{MESSAGE}{}", "One line of many.\r\n".repeat(MOST));
    let deferred = |reply: Reply, enhanced: &str| {
        assert_eq!(reply.code, 451, "{reply:?}");
        assert!(reply.lines[0].starts_with(enhanced), "{reply:?}");
    };
    // 413: its default limit of a body's size.
    deferred(send(&mut client, too_large.as_bytes()), "4.3.5 ");
    assert!(backend.received().is_empty());
    // 504: what stands behind it does not answer.
    backend.hold();
    deferred(send(&mut client, MESSAGE.as_bytes()), "4.3.0 ");
    backend.release();
    assert_eq!(send(&mut client, MESSAGE.as_bytes()).code, 250);
    // 502: nothing stands behind it.
    let gone = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (_empty, address) = nginx(&authority, &clients, gone);
    let front = front_end(address, &authority, Some(&certificate));
    deferred(send(&mut Client::greeted(front.smtp), MESSAGE.as_bytes()), "4.3.0 ");
}

#[test]
fn without_its_certificate_nothing_is_delivered() {
    let (authority, clients, backend) = (Authority::new(), Authority::new(), Recorder::start());
    let (_server, address) = nginx(&authority, &clients, backend.address);
    let stranger = Authority::new().client("mailchute", &[]);
    for own in [None, Some(&stranger)] {
        let front_end = front_end(address, &authority, own);
        let reply = send(&mut Client::greeted(front_end.smtp), MESSAGE.as_bytes());
        // 400: nginx says so in a page of its own.
        assert_eq!((reply.code, &reply.lines[0][..5]), (451, "4.3.5"), "{reply:?}");
    }
    assert!(backend.received().is_empty());
}
