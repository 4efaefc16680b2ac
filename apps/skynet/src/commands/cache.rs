//! `skynet cache`: the cache is in the server's memory, so the server is asked.

use super::Context;
use crate::cli::CacheCommand;
use crate::failure::Failure;
use crate::output;

/// What is asked for most.
const WARM: [&str; 3] = [
    "/api/v1/stats",
    "/api/v1/leads",
    "/api/v1/leads?status=active",
];

pub(super) async fn run(context: &Context, command: CacheCommand) -> Result<(), Failure> {
    let config = context.config()?;
    let server = context.server(&config).await?.ok_or_else(|| {
        Failure::failed("no server runs on this data folder, so nothing is cached")
    })?;
    match command {
        CacheCommand::Clear => {
            server.post("/api/v1/cache/clear").await?;
            output::line("cached reads are dropped");
        }
        CacheCommand::Warm => {
            for path in WARM {
                server.get(path).await?;
            }
            output::line(format_args!("{} reads are cached", WARM.len()));
        }
    }
    Ok(())
}
