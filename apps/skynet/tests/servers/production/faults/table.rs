//! What a fault did, as a row of a table.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

/// Names the file that rows are appended to, with tabs between the columns.
const FILE_VARIABLE: &str = "SKYNET_FAULTS_TABLE";

/// One fault.
pub(super) struct Row {
    pub(super) fault: &'static str,
    /// Leads that were sent.
    pub(super) sent: usize,
    /// Of those, the ones that were answered 201 or 202.
    pub(super) accepted: usize,
    /// Of those, the ones in the store.
    pub(super) stored: usize,
    /// Of those, the ones whose address was held by another lead.
    pub(super) duplicates: usize,
    /// Messages that were parked.
    pub(super) dead: usize,
    /// From the moment when the cause was gone until leads were stored from end to end again and
    /// every API said that it is ready; none where the product never stopped.
    pub(super) recovery: Option<Duration>,
}

impl Row {
    /// Prints it, and appends it to the table where there is one.
    pub(super) fn write(&self) {
        let recovery = self.recovery.map_or_else(
            || "-".to_owned(),
            |recovery| recovery.as_millis().to_string(),
        );
        let Self {
            fault,
            sent,
            accepted,
            stored,
            duplicates,
            dead,
            ..
        } = self;
        let row =
            format!("{fault}\t{sent}\t{accepted}\t{stored}\t{duplicates}\t{dead}\t{recovery}\n");
        print!("{row}");
        if let Some(path) = std::env::var_os(FILE_VARIABLE) {
            let file = File::options().create(true).append(true).open(path);
            // One write, so that rows of tests side by side do not mix.
            file.unwrap().write_all(row.as_bytes()).unwrap();
        }
    }
}
