//! `skynet migrate`.

use backends::{DataLock, LockError, OpenError};

use super::{Context, not_open};
use crate::failure::Failure;
use crate::output;

/// Brings the store's schema up to date.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let _lock = DataLock::take(&config).map_err(|error| match error {
        LockError::Held { .. } => Failure::failed("stop the process that works on the data first"),
        LockError::Folder(error) => not_open(&OpenError::Folder(error)),
    })?;
    backends::migrate(&config)
        .await
        .map_err(|error| not_open(&error))?;
    output::line("the store's schema is that of this version");
    Ok(())
}
