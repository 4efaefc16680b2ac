//! What the HTTP server alone can do: handlers that do next to nothing, in a process of their own.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;

use actix_web::{App, HttpResponse, HttpServer, web};
use redis::aio::MultiplexedConnection;
use test_rig::{Port, Process, tethered};
use tokio::sync::OnceCell;

use crate::redis::Redis;
use crate::{Failure, leads};

/// Answered with bytes from the cache, by the client library that the API uses.
pub(crate) const PAGE: &str = "/page";
/// The same, by a few lines of our own that know no more than this one question.
pub(crate) const PAGE_BY_HAND: &str = "/page-by-hand";
/// Where they lie in the cache.
pub(crate) const PAGE_KEY: &[u8] = b"bench:page";
/// As long as the answer of the API.
const ACCEPTED: &str = r#"{"success":true,"message":"Lead queued for processing","status":"queued","lead_id":"01a20a9f-b948-7261-85c6-aeb68cdab4a2","receipt":"/api/v1/receipts/01a20a9f-b948-7261-85c6-aeb68cdab4a2","thread_key":"1795474569-198186-785cfd01d2"}"#;
/// Said when there is no page.
const FAILED: &str = "the cache does not answer";

/// A running server; it ends with this value.
pub(crate) struct Handler {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    _port: Port,
}

impl Handler {
    /// Starts this program as a bare server before the cache.
    pub(crate) async fn start(cache: SocketAddr, log: &std::path::Path) -> Result<Self, Failure> {
        let port = Port::free();
        let mut command = tethered(std::env::current_exe()?);
        command
            .args(["--bare", &port.address().to_string()])
            .args(["--bare-cache", &cache.to_string()]);
        let mut handler = Self {
            process: Process::spawn(command, log)?,
            address: port.address(),
            _port: port,
        };
        while tokio::net::TcpStream::connect(handler.address)
            .await
            .is_err()
        {
            if handler.process.ended().is_some() {
                return Err(handler.process.log().into());
            }
            tokio::task::yield_now().await;
        }
        Ok(handler)
    }
}

/// What a thread asks the cache by.
struct Pool {
    cache: SocketAddr,
    /// Carries every question of the thread at once, as the API's own does.
    client: OnceCell<MultiplexedConnection>,
    /// Connections that nobody uses.
    idle: Mutex<Vec<Redis>>,
}

/// Serves until the process ends, with as many threads as the API.
pub(crate) fn serve(bind: SocketAddr, cache: SocketAddr) -> Result<(), Failure> {
    let served = actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let pool = Pool {
                cache,
                client: OnceCell::new(),
                idle: Mutex::default(),
            };
            App::new()
                .app_data(web::Data::new(pool))
                .route(leads::ASYNC, web::post().to(accept))
                .route(PAGE, web::get().to(page))
                .route(PAGE_BY_HAND, web::get().to(page_by_hand))
        });
        let threads = thread::available_parallelism()?.get();
        server.workers(threads).bind(bind)?.run().await
    });
    Ok(served?)
}

async fn accept(_body: web::Bytes) -> HttpResponse {
    HttpResponse::Accepted()
        .content_type("application/json")
        .body(ACCEPTED)
}

async fn page(pool: web::Data<Pool>) -> HttpResponse {
    answer(pool.page().await)
}

async fn page_by_hand(pool: web::Data<Pool>) -> HttpResponse {
    answer(pool.page_by_hand().await)
}

fn answer(page: Result<Vec<u8>, Failure>) -> HttpResponse {
    match page {
        Ok(page) => HttpResponse::Ok()
            .content_type("application/json")
            .body(page),
        Err(_) => HttpResponse::ServiceUnavailable().body(FAILED),
    }
}

impl Pool {
    async fn page(&self) -> Result<Vec<u8>, Failure> {
        let connect = async || {
            let client = redis::Client::open(format!("redis://{}", self.cache))?;
            client.get_multiplexed_async_connection().await
        };
        let mut client = self.client.get_or_try_init(connect).await?.clone();
        Ok(redis::cmd("GET")
            .arg(PAGE_KEY)
            .query_async(&mut client)
            .await?)
    }

    async fn page_by_hand(&self) -> Result<Vec<u8>, Failure> {
        let idle = self.take();
        let mut cache = match idle {
            Some(cache) => cache,
            None => Redis::connect(self.cache).await?,
        };
        let page = cache.ask(&[b"GET", PAGE_KEY]).await?.to_vec();
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(cache);
        }
        Ok(page)
    }

    fn take(&self) -> Option<Redis> {
        self.idle.lock().ok()?.pop()
    }
}
