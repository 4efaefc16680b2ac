//! What handlers work with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use auth::{Authenticate, SignIn};
use backends::Ports;
use lead::ReplayFailed;
use tokio::sync::Mutex;

use crate::health::LastLook;
use crate::leads::Leads;
use crate::rate::{Rate, Rates};
use crate::routes::AccessTable;
use crate::settings::Settings;

/// The verbs and ports behind the routes, built once for each process.
pub struct Services {
    /// What the server was told.
    pub settings: Settings,
    /// What the process needs of the world.
    pub ports: Ports,
    pub(crate) authenticate: Authenticate,
    pub(crate) sign_in: SignIn,
    pub(crate) replay: ReplayFailed,
    pub(crate) leads: Leads,
    pub(crate) access: AccessTable,
    pub(crate) rates: Rates,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) last_look: LastLook,
    /// Held while accounts change.
    pub(crate) account_changes: Mutex<()>,
    pub(crate) draining: AtomicBool,
}

impl Services {
    /// The services over these ports. Call it within the tokio runtime that the ports work in.
    pub fn new(ports: Ports, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            authenticate: Authenticate::new(
                Arc::clone(&ports.accounts),
                Arc::clone(&ports.tokens),
                Arc::clone(&ports.clock),
            ),
            sign_in: SignIn::new(
                Arc::clone(&ports.accounts),
                Arc::clone(&ports.hasher),
                Arc::clone(&ports.tokens),
                Arc::clone(&ports.clock),
                Arc::clone(&ports.ids),
                settings.token_life,
            ),
            replay: ReplayFailed::new(
                Arc::clone(&ports.dead_letters),
                Arc::clone(&ports.publisher),
            ),
            leads: Leads::new(&ports, &settings),
            access: AccessTable::new(),
            rates: Rates {
                default: Rate::new("default", settings.rate_per_minute),
                sign_in: Rate::new("sign-in", settings.sign_in_rate_per_minute),
            },
            in_flight: AtomicUsize::new(0),
            last_look: LastLook::default(),
            account_changes: Mutex::default(),
            draining: AtomicBool::new(false),
            ports,
            settings,
        })
    }
}
