//! Writing all leads out.

use crate::commands::Context;
use crate::failure::Failure;

/// What to do, in detail.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Does it.
///
/// # Errors
///
/// [`Failure`], with the code to exit with.
pub(crate) async fn run(_context: &Context, _args: Args) -> Result<(), Failure> {
    Err(Failure::failed("this version cannot do that"))
}
