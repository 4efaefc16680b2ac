//! `skynet cache`: a cache in a server's memory is the server's to clear, one in Redis everybody's.
//! What is warmed is what the API answers.

use backends::Family;
use process::{Failure, output};

use super::Context;
use crate::cli::CacheCommand;

/// What is asked for most.
const WARM: [&str; 3] = [
    "/api/v1/stats",
    "/api/v1/leads",
    "/api/v1/leads?status=active",
];

pub(super) async fn run(context: &Context, command: CacheCommand) -> Result<(), Failure> {
    let config = context.config()?;
    let is_shared = matches!(config.family, Family::Production { .. });
    if is_shared && matches!(command, CacheCommand::Clear) {
        let opened = context.open(&config).await?;
        opened.cache().await?;
        opened.ports.cache.clear().await;
        output::line("cached reads are dropped");
        return Ok(());
    }
    let server = context.server(&config).await?.ok_or_else(|| {
        Failure::failed(if is_shared {
            "no API answers at SKYNET_BIND, and it is its answers that are kept"
        } else {
            "no server runs on this data folder, so nothing is cached"
        })
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
