//! Submitting and reading leads.

use backends::Ports;

use crate::routes::Endpoint;
use crate::settings::Settings;

/// What the handlers of leads share.
pub(crate) struct Leads {}

impl Leads {
    /// Built once for each process.
    pub(crate) fn new(_ports: &Ports, _settings: &Settings) -> Self {
        Self {}
    }
}

/// The routes of leads.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    Vec::new()
}
