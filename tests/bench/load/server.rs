//! SMTP over a socket with the system calls that it takes and little else: one read, one write for all replies
//! to it. No deadlines.

use crate::session::{Session, Step, Transaction};
use anyhow::Result;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{io, mem};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

thread_local! {
    /// One read buffer for all sessions of a thread: an idle session holds none.
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

/// What stands behind the conversation.
pub(crate) trait Application: Send + Sync + 'static {
    /// What the greeting says.
    fn greeting(&self) -> String;

    /// Takes a message, and answers it.
    fn deliver(&self, transaction: Transaction, replies: &mut Vec<u8>) -> impl Future<Output = ()> + Send;
}

/// Says where it listens, and serves.
pub(crate) async fn serve(
    listen: SocketAddr,
    tls: Option<TlsAcceptor>,
    application: Arc<impl Application>,
) -> Result<Infallible> {
    let listener = TcpListener::bind(listen).await?;
    println!("listening {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let (tls, application) = (tls.clone(), Arc::clone(&application));
        tokio::spawn(async move { converse(Wire::open(stream, tls).await?, application).await });
    }
}

/// A client's connection.
enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    async fn open(stream: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(match tls {
            None => Self::Plain(stream),
            // Boxed, so that the handshake's state is not part of every idle session.
            Some(tls) => Self::Tls(Box::new(Box::pin(tls.accept(stream)).await?)),
        })
    }

    /// One read, and what the session makes of it; what it left stands in the second field.
    async fn read(&mut self, session: &mut Session, replies: &mut Vec<u8>) -> io::Result<(Step, Vec<u8>)> {
        match self {
            Self::Plain(stream) => loop {
                stream.readable().await?;
                let read = READ.with_borrow_mut(|buffer| {
                    let read = stream.try_read(buffer)?;
                    io::Result::Ok(session.read(&buffer[..read], replies))
                });
                match read {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other,
                }
            },
            Self::Tls(stream) => {
                let read = |context: &mut Context<'_>| {
                    READ.with_borrow_mut(|buffer| {
                        let mut buffer = ReadBuf::new(buffer);
                        ready!(Pin::new(&mut **stream).poll_read(context, &mut buffer))?;
                        Poll::Ready(Ok(session.read(buffer.filled(), replies)))
                    })
                };
                poll_fn(read).await
            }
        }
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(octets).await,
            Self::Tls(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.shutdown().await,
        }
    }
}

async fn converse(mut wire: Wire, application: Arc<impl Application>) -> io::Result<()> {
    wire.write(format!("220 {}\r\n", application.greeting()).as_bytes()).await?;
    let mut session = Session::default();
    loop {
        let mut replies = Vec::new();
        let (mut step, mut rest) = wire.read(&mut session, &mut replies).await?;
        while let Step::Deliver = step {
            let transaction = mem::take(&mut session.transaction);
            // Boxed, so that the delivery's state is not part of every idle session.
            Box::pin(application.deliver(transaction, &mut replies)).await;
            let taken;
            (taken, step) = session.take(&rest, &mut replies);
            rest.drain(..taken);
        }
        if !replies.is_empty() {
            wire.write(&replies).await?;
        }
        if let Step::Close = step {
            return wire.close().await;
        }
    }
}
