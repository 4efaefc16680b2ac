//! `skynet queue`.

use backends::Family;
use lead::ports::QueueDepth;
use process::{Failure, output};
use serde_json::Value;

use super::Context;
use crate::cli::QueueCommand;

pub(super) async fn run(context: &Context, command: QueueCommand) -> Result<(), Failure> {
    let QueueCommand::Stats = command;
    let config = context.config()?;
    let is_shared = matches!(config.family, Family::Production { .. });
    // The embedded queue does not know who takes messages: its server does.
    let server = if is_shared {
        None
    } else {
        context.server(&config).await?
    };
    let (rows, parked) = if let Some(server) = server {
        of_server(&server.get("/api/v1/queue").await?)
    } else {
        let opened = context.open(&config).await?;
        opened.queue().await?;
        let depths = opened.ports.monitor.depths().await;
        let parked = opened.ports.dead_letters.count().await;
        let row = |it: QueueDepth| {
            let (in_flight, consumers) = if is_shared {
                let in_flight = it.in_flight.map_or_else(unknown, |it| it.to_string());
                (in_flight, it.consumers.to_string())
            } else {
                // Nobody takes messages while no server runs.
                ("0".to_owned(), "0".to_owned())
            };
            [it.name, it.ready.to_string(), in_flight, consumers]
        };
        let depths = depths.map_err(Failure::failed)?;
        let rows = depths.into_iter().map(row).collect();
        (rows, parked.map_err(Failure::failed)?)
    };
    output::table(["QUEUE", "READY", "IN FLIGHT", "CONSUMERS"], &rows);
    output::line(format_args!("parked: {parked}"));
    Ok(())
}

fn of_server(answer: &Value) -> (Vec<[String; 4]>, u64) {
    let data = &answer["data"];
    let number = |value: &Value| value.as_u64().map_or_else(unknown, |it| it.to_string());
    let row = |queue: &Value| {
        [
            queue["name"].as_str().unwrap_or_default().to_owned(),
            number(&queue["ready"]),
            number(&queue["in_flight"]),
            number(&queue["consumers"]),
        ]
    };
    let rows = data["queues"].as_array().into_iter().flatten().map(row);
    (rows.collect(), data["parked"].as_u64().unwrap_or_default())
}

fn unknown() -> String {
    "unknown".to_owned()
}
