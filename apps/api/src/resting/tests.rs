#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use std::convert::Infallible;
use std::time::Duration;

use actix_http::{HttpService, Response};
use actix_service::apply_fn_factory;
use futures_util::StreamExt as _;
use testkit::contract::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::*;

const REST: Duration = Duration::from_millis(5);
/// Time in which a connection at rest would be taken back many times.
const LONG: Duration = Duration::from_millis(100);
/// Whatever is waited for that never comes ends a test.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of a server that answers each request with its path.
struct Client {
    stream: TcpStream,
    /// How often the server was through with the connection, for a while or for good.
    ended: Rc<Cell<u32>>,
    stop: watch::Sender<bool>,
    served: JoinHandle<Result<(), DispatchError>>,
}

impl Client {
    async fn connect(keep_alive: Duration) -> Self {
        let times = Times {
            rest: REST,
            keep_alive,
            ..Times::default()
        };
        let (stop, stopped) = watch::channel(false);
        let stopping = move || {
            let mut stopped = stopped.clone();
            async move {
                let _ = stopped.wait_for(|it| *it).await;
            }
        };
        let app = fn_service(async |mut request: Request| {
            if request.path() == "/read" {
                let mut payload = request.take_payload();
                while payload.next().await.is_some() {}
            }
            let path = request.path().to_owned();
            if path == "/slow" {
                sleep(LONG).await;
            }
            Ok::<_, Infallible>(Response::ok().set_body(path))
        });
        let http = HttpService::build()
            .keep_alive(keep_alive)
            .on_connect_ext(|lent: &Lent, data| {
                data.insert(lent.line());
            })
            .finish(apply_fn_factory(app, told));
        let ended = Rc::new(Cell::new(0));
        let count = Rc::clone(&ended);
        let http = apply_fn_factory(http, move |loan: Loan, http: &_| {
            let count = Rc::clone(&count);
            let served = Service::call(http, loan);
            served.inspect(move |_| count.set(count.get() + 1))
        });
        let service = resting(http, times, stopping).new_service(()).await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (stream, _) = listener.accept().await.unwrap();
        Self {
            stream: client.unwrap(),
            ended,
            stop,
            served: spawn_local(service.unwrap().call(stream)),
        }
    }

    async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    async fn get(&mut self, path: &str) {
        self.say(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        self.hear(path).await;
    }

    /// Reads an answer up to its body.
    async fn hear(&mut self, body: &str) {
        let mut heard = Vec::new();
        let ends = async {
            while !heard.ends_with(body.as_bytes()) {
                let read = self.stream.read_buf(&mut heard).await.unwrap();
                assert!(read > 0, "{}", String::from_utf8_lossy(&heard));
            }
        };
        tokio::time::timeout(PATIENCE, ends).await.unwrap();
    }

    /// Reads what comes before the connection ends.
    async fn hear_all(&mut self) -> String {
        let mut heard = String::new();
        let all = self.stream.read_to_string(&mut heard);
        tokio::time::timeout(PATIENCE, all).await.unwrap().unwrap();
        heard
    }

    async fn is_taken_back(&self, times: u32) {
        eventually("the connection is taken back", async || {
            (self.ended.get() == times).then_some(())
        })
        .await;
        assert!(!self.served.is_finished());
    }
}

async fn run(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn after_a_rest_the_next_request_is_answered() {
    run(async {
        let mut client = Client::connect(PATIENCE).await;
        for times in 1..4 {
            client.get("/one").await;
            client.get("/two").await;
            client.is_taken_back(times).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_head_of_which_a_half_has_come_is_waited_for() {
    run(async {
        let mut client = Client::connect(PATIENCE).await;
        client
            .say("GET /one HTTP/1.1\r\nhost: x\r\n\r\nGET /two HT")
            .await;
        client.hear("/one").await;
        sleep(LONG).await;
        assert_eq!(client.ended.get(), 0);
        client.say("TP/1.1\r\nhost: x\r\n\r\n").await;
        client.hear("/two").await;
        client.is_taken_back(1).await;
    })
    .await;
}

#[tokio::test]
async fn what_follows_a_body_that_nobody_read_is_no_request() {
    run(async {
        let mut client = Client::connect(PATIENCE).await;
        client
            .say("POST /one HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        client.hear("/one").await;
        sleep(LONG).await;
        client.say("GET /two HTTP/1.1\r\nhost: x\r\n\r\n").await;
        client.stream.shutdown().await.unwrap();
        let heard = client.hear_all().await;
        assert!(!heard.contains("/two"), "{heard}");
    })
    .await;
}

#[tokio::test]
async fn one_that_had_a_body_stays_as_it_is() {
    run(async {
        let mut client = Client::connect(PATIENCE).await;
        client
            .say("POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n\r\n\r\n")
            .await;
        client.hear("/read").await;
        client.get("/two").await;
        sleep(LONG).await;
        assert_eq!(client.ended.get(), 0);
        client.get("/three").await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_takes_long_is_waited_for() {
    run(async {
        let mut client = Client::connect(PATIENCE).await;
        client
            .say("GET /one HTTP/1.1\r\nhost: x\r\n\r\nGET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
        client.hear("/one").await;
        client.hear("/slow").await;
        assert_eq!(client.ended.get(), 0);
        client.is_taken_back(1).await;
    })
    .await;
}

#[tokio::test]
async fn one_at_rest_ends_with_the_time_for_it_with_the_client_and_with_the_server() {
    run(async {
        let mut late = Client::connect(LONG).await;
        late.get("/one").await;
        assert_eq!(late.hear_all().await, "");

        let mut leaving = Client::connect(PATIENCE).await;
        leaving.get("/one").await;
        leaving.is_taken_back(1).await;
        leaving.stream.shutdown().await.unwrap();
        assert_eq!(leaving.hear_all().await, "");
        leaving.served.await.unwrap().unwrap();

        let mut stopped = Client::connect(PATIENCE).await;
        stopped.get("/one").await;
        stopped.is_taken_back(1).await;
        stopped.stop.send_replace(true);
        assert_eq!(stopped.hear_all().await, "");
        stopped.served.await.unwrap().unwrap();
    })
    .await;
}

#[test]
fn the_last_bytes_are_kept_however_they_come() {
    let line = Line::default();
    for (bytes, tail) in [
        (&b"ab"[..], b"\0\0ab"),
        (b"", b"\0\0ab"),
        (b"cde", b"bcde"),
        (b"fghijk", b"hijk"),
    ] {
        line.read(bytes);
        assert_eq!(&line.tail.get(), tail);
    }
}
