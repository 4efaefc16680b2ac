//! Connections that cost little while nothing comes.
//!
//! `actix-http` holds two buffers of 8 KiB for each connection it is given, for as long as it has it. So it is
//! given a connection only once there is something to read, and a connection on which all has been answered, and
//! nothing has come since, is taken back from it.
//!
//! It is taken back by an end of the input that the client did not send, and then only when no byte and no
//! body can be lost by it: what it was given last is the end of a head, no request had a body, all requests are answered,
//! and all answers are written.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{Payload, Protocol, Request};
use actix_service::{Service, ServiceFactory, fn_factory, fn_service};
use futures_util::{FutureExt as _, TryFutureExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::settings::Times;

/// What ends the head of a request.
const HEAD_END: [u8; 4] = *b"\r\n\r\n";

/// Serves connections by `http`, which is lent each of them while it has something to do. What
/// `stopping` makes resolves when the server stops.
pub(crate) fn resting<H, S>(
    http: H,
    times: Times,
    stopping: impl AsyncFn() + Clone + 'static,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    H: ServiceFactory<Loan, Config = (), Service = S, InitError = ()>,
    S: Service<Loan, Response = (), Error = DispatchError> + 'static,
{
    fn_factory(move || {
        let stopping = stopping.clone();
        let times = Rc::new(times);
        let serving = move |http| {
            let http = Rc::new(http);
            fn_service(move |stream| {
                serve(
                    Rc::clone(&http),
                    stream,
                    Rc::clone(&times),
                    stopping.clone(),
                )
            })
        };
        http.new_service(()).map_ok(serving)
    })
}

/// A connection for the time that it is served, and who is at its other end.
pub(crate) type Loan = (Lent, Protocol, Option<SocketAddr>);

/// What this future holds while it waits is what a connection at rest takes: 400 bytes, where with a
/// future of `readable` and locals beside the parameters it was 1,200.
#[allow(
    clippy::manual_async_fn,
    reason = "an async function holds its parameters twice"
)]
fn serve(
    http: Rc<impl Service<Loan, Response = (), Error = DispatchError>>,
    mut stream: TcpStream,
    times: Rc<Times>,
    stopping: impl AsyncFn(),
) -> impl Future<Output = Result<(), DispatchError>> {
    async move {
        // Answers are written whole, so that nothing is gained by waiting for more.
        stream.set_nodelay(true)?;
        let mut limit = times.head;
        loop {
            tokio::select! {
                ready = poll_fn(|cx| stream.poll_read_ready(cx)) => ready?,
                () = sleep(limit) => return Ok(()),
                () = stopping() => return Ok(()),
            }
            let line = Rc::new(Line::default());
            let peer = stream.peer_addr().ok();
            let lent = Lent {
                stream: Some(stream),
                line: Rc::clone(&line),
            };
            // In a box, so that a connection at rest does not hold its space.
            served(
                &line,
                Box::pin(http.call((lent, Protocol::Http1, peer))),
                times.rest,
            )
            .await?;
            match line.back.take() {
                Some(back) => stream = back,
                None => return Ok(()),
            }
            limit = times.keep_alive;
        }
    }
}

/// Looks at a connection again and again until it is served.
async fn served(
    line: &Line,
    mut serving: Pin<Box<impl Future<Output = Result<(), DispatchError>>>>,
    rest: Duration,
) -> Result<(), DispatchError> {
    loop {
        tokio::select! {
            biased;
            done = &mut serving => return done,
            () = sleep(rest) => line.look(),
        }
    }
}

/// Tells the line of a request that it is being answered, and that it has been.
pub(crate) fn told<S: Service<Request>>(
    mut request: Request,
    app: &S,
) -> impl Future<Output = Result<S::Response, S::Error>> + use<S> {
    let has_body = !matches!(request.payload(), Payload::None);
    let line = request.conn_data::<Rc<Line>>().cloned();
    if let Some(line) = &line {
        line.unanswered.set(line.unanswered.get() + 1);
        line.had_body.set(line.had_body.get() || has_body);
    }
    app.call(request).inspect(move |_| {
        if let Some(line) = line {
            line.unanswered.set(line.unanswered.get() - 1);
        }
    })
}

/// What is known of a connection while it is lent.
#[derive(Default)]
pub(crate) struct Line {
    /// Something was read or written since the last look.
    has_moved: Cell<bool>,
    /// The last thing that happened was a write, of all that was to be written.
    is_written: Cell<bool>,
    /// The last bytes that were read.
    tail: Cell<[u8; 4]>,
    /// Requests that a handler has.
    unanswered: Cell<u32>,
    had_body: Cell<bool>,
    /// It is to be given back.
    is_recalled: Cell<bool>,
    back: RefCell<Option<TcpStream>>,
}

impl Line {
    /// Recalls the connection where it has been at rest since the last look.
    fn look(&self) {
        let is_quiet = !self.has_moved.replace(false);
        self.is_recalled.set(is_quiet && self.is_at_rest());
    }

    fn is_at_rest(&self) -> bool {
        self.is_written.get()
            && self.tail.get() == HEAD_END
            && self.unanswered.get() == 0
            && !self.had_body.get()
    }

    fn read(&self, bytes: &[u8]) {
        self.has_moved.set(true);
        self.is_written.set(false);
        let mut tail = self.tail.get();
        let new = &bytes[bytes.len().saturating_sub(tail.len())..];
        tail.rotate_left(new.len());
        let kept = tail.len() - new.len();
        tail[kept..].copy_from_slice(new);
        self.tail.set(tail);
    }

    fn written(&self, written: &Poll<io::Result<usize>>) {
        self.has_moved.set(true);
        self.is_written.set(written.is_ready());
    }
}

/// A connection while it is served.
pub(crate) struct Lent {
    /// None once it is given back.
    stream: Option<TcpStream>,
    line: Rc<Line>,
}

impl Lent {
    pub(crate) fn line(&self) -> Rc<Line> {
        Rc::clone(&self.line)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let given_back = || io::Error::from(io::ErrorKind::NotConnected);
        self.stream.as_mut().map(Pin::new).ok_or_else(given_back)
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.line.is_recalled.get() {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = self.stream()?.poll_read(cx, buf);
        let bytes = &buf.filled()[before..];
        if !bytes.is_empty() {
            self.line.read(bytes);
        }
        read
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write(cx, buf);
        self.line.written(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.line.is_recalled.get() && self.line.is_at_rest() {
            let stream = self.stream.take();
            self.line.back.replace(stream);
            return Poll::Ready(Ok(()));
        }
        self.stream()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
