//! nginx in front: its stream proxy with the PROXY protocol, its mail proxy with XCLIENT.

use std::net::SocketAddr;

use crate::haproxy::{front_end, is_from_the_client, send};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::server::{Server, folder};

/// One nginx in one process, with `blocks` beside what every configuration has.
fn start(address: SocketAddr, module: &str, blocks: &str) -> Server {
    let folder = folder();
    let configuration = format!(
        "load_module /usr/lib/nginx/modules/{module}.so;\ndaemon off;\nmaster_process off;\npid pid;\n\
         error_log stderr info;\nevents {{}}\n{blocks}"
    );
    std::fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
    let prefix = folder.path().display().to_string();
    Server::start(folder, address, "nginx", &["-p", &prefix, "-e", "stderr", "-c", "nginx.conf"])
}

fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

#[test]
fn stream_with_the_proxy_protocol() {
    let backend = Recorder::start();
    let front_end = front_end(&backend);
    let address = free_address();
    let blocks = format!(
        "stream {{ server {{ listen {address}; proxy_pass {}; proxy_protocol on; }} }}",
        front_end.smtp
    );
    let _nginx = start(address, "ngx_stream_module", &blocks);
    send(address);
    is_from_the_client(&backend);
}

#[test]
fn mail_with_xclient() {
    let backend = Recorder::start();
    let port = free_port();
    let manifests = Manifests::listening_with(port, "xclient: {trustedCIDRs: [127.0.0.1/32]}");
    let front_end = FrontEnd::start(port, &manifests.all_to(backend.address), &[]);
    let (address, who) = (free_address(), free_address());
    // nginx asks over HTTP where a client belongs; here it answers itself.
    let blocks = format!(
        "http {{ access_log off; server {{ listen {who}; location / {{ \
         add_header Auth-Status OK; add_header Auth-Server 127.0.0.1; add_header Auth-Port {}; \
         return 200; }} }} }}\n\
         mail {{ server_name proxy.example; auth_http {who}/; xclient on; proxy_pass_error_message on; \
         server {{ listen {address}; protocol smtp; smtp_auth none; smtp_capabilities PIPELINING; }} }}",
        front_end.smtp.port()
    );
    let nginx = start(address, "ngx_mail_module", &blocks);
    send(address);
    assert_eq!(backend.received().len(), 1, "{}", nginx.log());
    is_from_the_client(&backend);
}
