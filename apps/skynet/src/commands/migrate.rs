//! `skynet migrate`.

use backends::{DataLock, LockError, OpenError};

use super::Context;
use process::Failure;
use process::output;

/// Brings the store's schema up to date.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let _lock = DataLock::take(&config).map_err(|error| match error {
        LockError::Held { .. } => Failure::failed("stop the process that works on the data first"),
        LockError::Folder(error) => OpenError::Folder(error).into(),
    })?;
    backends::migrate(&config).await?;
    output::line("the store's schema is that of this version");
    Ok(())
}
