//! The floor: the least that an SMTP to HTTP proxy on tokio and hyper can do, as a yardstick.
//!
//! It makes the system calls that any such proxy has to make (one read, one write for all replies to it, one
//! request on a pooled connection) and little else. It is no mail server: it checks nothing, has no limits or
//! deadlines, does not undo dot-stuffing, stamps nothing.

use crate::server::{Application, serve};
use crate::{secure, session::Transaction};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Uri, header::HeaderValue};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to take SMTP; port 0 picks a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to post to: http://host:port/path
    #[arg(long)]
    to: Uri,
    /// TLS from the first octet on, with a certificate of its own making.
    #[arg(long)]
    tls: bool,
    /// Worker threads; tokio's own choice unless given.
    #[arg(long)]
    workers: Option<usize>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()?.block_on(async {
        let authority = options.to.authority().context("--to needs a host and a port")?.to_string();
        let host = HeaderValue::from_str(&authority)?;
        let path = options.to.path().parse()?;
        let backend = Arc::new(Backend { authority, host, path, idle: Mutex::default() });
        let tls = if options.tls { Some(secure::acceptor()?) } else { None };
        match serve(options.listen, tls, backend).await? {}
    })
}

struct Backend {
    authority: String,
    host: HeaderValue,
    path: Uri,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Application for Backend {
    fn greeting(&self) -> String {
        "floor ESMTP".to_owned()
    }

    async fn deliver(&self, transaction: Transaction, replies: &mut Vec<u8>) {
        let delivered = self.post(transaction).await.unwrap_or(false);
        replies.extend_from_slice(if delivered { b"250 Ok\r\n" } else { b"451 Later\r\n" });
    }
}

impl Backend {
    async fn post(&self, transaction: Transaction) -> Result<bool> {
        let mut request =
            Request::post(self.path.clone()).body(Full::new(Bytes::from(transaction.body).slice(2..)))?;
        let headers = request.headers_mut();
        headers.insert("host", self.host.clone());
        headers.insert("content-type", HeaderValue::from_static("message/rfc822"));
        headers.insert("ce-mailfrom", HeaderValue::from_maybe_shared(Bytes::from(transaction.from))?);
        headers.insert("ce-rcptto", HeaderValue::from_maybe_shared(Bytes::from(transaction.to))?);
        let mut sender = self.sender().await?;
        let mut response = sender.send_request(request).await?;
        while let Some(frame) = response.frame().await {
            frame?;
        }
        self.idle().push(sender);
        Ok(response.status().is_success())
    }

    async fn sender(&self) -> Result<SendRequest<Full<Bytes>>> {
        loop {
            let Some(mut sender) = self.idle().pop() else { break };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
