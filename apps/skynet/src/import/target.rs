//! Where leads go.

use std::path::{Path, PathBuf};

use backends::{OsEntropy, SystemClock};
use bytes::Bytes;
use kernel::{Clock, Entropy, Secret, Timestamp, uuid_at};
use lead::{BatchId, FieldError};
use uuid::Uuid;

use super::PATIENCE;
use super::api::{Api, BatchStatus, Credentials};
use super::direct::Direct;
use super::local::{self, Local};
use super::source::Chunk;
use super::state::{Counts, RunState};
use crate::commands::Context;
use process::Failure;

/// A place that leads can go to, before a run begins.
pub(super) struct Place {
    kind: PlaceKind,
    state_folder: PathBuf,
    name: String,
}

enum PlaceKind {
    Api {
        base: String,
        credentials: Credentials,
    },
    Store(Box<Local>),
}

/// A place that a run sends its leads to.
pub(super) enum Target {
    /// A running API.
    Api { api: Box<Api>, run: String },
    /// The store itself, and its lock.
    Store {
        direct: Box<Direct>,
        /// Kept until the run ends.
        #[allow(dead_code, reason = "held, not read")]
        lock: Option<Box<Local>>,
    },
}

/// A chunk that is confirmed.
pub(super) struct Delivered {
    pub(super) chunk: Chunk,
    /// The submission it became; none where nothing was sent, and for the store.
    pub(super) batch: Option<String>,
    /// Places in the chunk's leads that were refused, and why.
    pub(super) refused: Vec<(usize, FieldError)>,
    pub(super) refused_count: u64,
}

/// Requests on their way at once.
const API_AT_ONCE: usize = 4;

/// The API that was asked for, else the one that holds the data folder, else the store itself.
pub(super) async fn place(context: &Context, api: Option<&str>) -> Result<Place, Failure> {
    let config = local::config(context)?;
    let state_folder = config.data_dir.join("imports");
    if let Some(base) = api {
        if !base.starts_with("http://") {
            return Err(Failure::wrong_use(
                "--api takes an address that begins with http://",
            ));
        }
        let credentials = credentials_of_environment().ok_or_else(|| {
            Failure::wrong_use("--api needs SKYNET_TOKEN, or SKYNET_USER and SKYNET_PASSWORD")
        })?;
        return Ok(Place {
            name: format!("the API at {base}"),
            kind: PlaceKind::Api {
                base: base.to_owned(),
                credentials,
            },
            state_folder,
        });
    }
    match local::open(&config).await? {
        local::Found::Store(local) => Ok(Place {
            name: "the store".to_owned(),
            kind: PlaceKind::Store(local),
            state_folder,
        }),
        local::Found::Server { base, issue } => Ok(Place {
            name: "the server of this data folder".to_owned(),
            kind: PlaceKind::Api {
                base,
                credentials: credentials_of_environment().unwrap_or(Credentials::Issue(issue)),
            },
            state_folder,
        }),
    }
}

impl Place {
    /// What a person calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where the states of runs are kept.
    pub(super) fn state_folder(&self) -> &Path {
        &self.state_folder
    }
}

impl Target {
    /// The place, for a run.
    pub(super) async fn open(place: Place, state: &RunState) -> Result<Self, Failure> {
        match place.kind {
            PlaceKind::Api { base, credentials } => {
                let api = Api::new(&base, credentials, PATIENCE)
                    .map_err(|_| Failure::wrong_use("--api is no address of an API"))?;
                api.greet().await.map_err(Failure::failed)?;
                Ok(Self::Api {
                    api: Box::new(api),
                    run: state.run.clone(),
                })
            }
            PlaceKind::Store(local) => {
                let run = Uuid::parse_str(&state.run).map_err(|_| {
                    Failure::failed("the state file cannot be read; --restart begins anew")
                })?;
                let direct = Direct::new(
                    &local.ports,
                    local.policy.clone(),
                    local.owner,
                    BatchId(run),
                    Timestamp::from_unix_ms(state.started_at_ms),
                    PATIENCE,
                )
                .ok_or_else(|| Failure::failed("the run has no key"))?;
                Ok(Self::Store {
                    direct: Box::new(direct),
                    lock: Some(local),
                })
            }
        }
    }

    /// Chunks that may be on their way at once.
    pub(super) fn at_once(&self) -> usize {
        match self {
            Self::Api { .. } => API_AT_ONCE,
            Self::Store { .. } => 1,
        }
    }

    /// Makes a chunk durable. Delivering it again changes nothing.
    pub(super) async fn deliver(&self, chunk: Chunk) -> Result<Delivered, Failure> {
        let mut delivered = Delivered {
            batch: None,
            refused: Vec::new(),
            refused_count: 0,
            chunk,
        };
        match self {
            Self::Store { direct, .. } => {
                direct
                    .store(&delivered.chunk)
                    .await
                    .map_err(Failure::failed)?;
            }
            Self::Api { .. } if delivered.chunk.leads.is_empty() => {}
            Self::Api { api, run } => {
                let key = format!("import-{run}-{}", delivered.chunk.number);
                let submitted = api
                    .submit(&key, body_of(&delivered.chunk))
                    .await
                    .map_err(Failure::failed)?;
                delivered.batch = Some(submitted.batch);
                delivered.refused = submitted.refused;
                delivered.refused_count = submitted.refused_count;
            }
        }
        Ok(delivered)
    }

    /// Where a submission stands.
    pub(super) async fn batch(&self, id: &str) -> Result<BatchStatus, Failure> {
        match self {
            Self::Api { api, .. } => api.batch(id).await.map_err(Failure::failed),
            Self::Store { .. } => Err(Failure::failed(
                "the state file cannot be read; --restart begins anew",
            )),
        }
    }

    /// What became of the whole run, where the store itself counted.
    pub(super) async fn own_counts(&self) -> Result<Option<Counts>, Failure> {
        match self {
            Self::Api { .. } => Ok(None),
            Self::Store { direct, .. } => {
                let counts = direct.counts().await.map_err(Failure::failed)?;
                Ok(Some(Counts {
                    stored: counts.stored,
                    duplicate: counts.duplicate,
                    rejected: counts.rejected,
                    failed: counts.failed,
                }))
            }
        }
    }
}

/// The identity of a new run.
pub(super) fn fresh_run() -> Uuid {
    let random = (u128::from(OsEntropy.random_u64()) << 64) | u128::from(OsEntropy.random_u64());
    uuid_at(SystemClock.now(), random)
}

fn body_of(chunk: &Chunk) -> Bytes {
    let mut body = Vec::with_capacity(chunk.leads.len() * 512);
    body.extend_from_slice(b"{\"leads\":[");
    for (at, row) in chunk.leads.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        lead_wire::write_details(&mut body, &row.details);
    }
    body.extend_from_slice(format!("],\"batch_size\":{}}}", super::MAX_CHUNK_ROWS).as_bytes());
    body.into()
}

fn credentials_of_environment() -> Option<Credentials> {
    let text = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
    if let Some(token) = text("SKYNET_TOKEN") {
        return Some(Credentials::Token(Secret::new(token)));
    }
    Some(Credentials::Password {
        username: text("SKYNET_USER")?,
        password: Secret::new(text("SKYNET_PASSWORD")?),
    })
}
