//! `skynet failed`: parked messages, straight in the store, beside a running server too.

use std::sync::Arc;

use backends::Ports;
use lead::ports::StoreError;
use lead::{
    DeadLetter, DeadLetterId, DeadPayload, ReplayError, ReplayFailed, ReplayScope, Replayed,
};
use uuid::Uuid;

use super::Context;
use crate::cli::FailedCommand;
use process::Failure;
use process::output;

pub(super) async fn run(context: &Context, command: FailedCommand) -> Result<(), Failure> {
    let config = context.config()?;
    match command {
        FailedCommand::List { after, limit } => {
            let after = after.as_deref().map(parse_id).transpose()?;
            let opened = context.open(&config).await?;
            let ports = &opened.ports;
            list(ports, after, limit).await
        }
        FailedCommand::Show { id } => {
            let id = parse_id(&id)?;
            let opened = context.open(&config).await?;
            let ports = &opened.ports;
            let letter = ports.dead_letters.show(id).await.map_err(store)?;
            show(&letter.ok_or_else(|| Failure::failed("nothing is parked under this id"))?);
            Ok(())
        }
        FailedCommand::Replay { ids, all, dry_run } => {
            let ids = parse_ids(&ids)?;
            let opened = context.open(&config).await?;
            opened.queue().await?;
            let ports = &opened.ports;
            let scope = if all {
                ReplayScope::All {
                    until: ports.clock.now(),
                }
            } else {
                ReplayScope::Ids(ids)
            };
            let replay = ReplayFailed::new(
                Arc::clone(&ports.dead_letters),
                Arc::clone(&ports.publisher),
            );
            tell(
                &replay.run(&scope, dry_run).await.map_err(replaying)?,
                dry_run,
            )
        }
        FailedCommand::Discard { ids } => {
            let ids = parse_ids(&ids)?;
            let opened = context.open(&config).await?;
            let ports = &opened.ports;
            let mut unknown = 0;
            for id in &ids {
                if !ports.dead_letters.discard(*id).await.map_err(store)? {
                    unknown += 1;
                }
            }
            output::line(format_args!("discarded: {}", ids.len() - unknown));
            if unknown > 0 {
                return Err(Failure::failed(format_args!("unknown ids: {unknown}")));
            }
            Ok(())
        }
    }
}

async fn list(ports: &Ports, after: Option<DeadLetterId>, limit: u16) -> Result<(), Failure> {
    let letters = ports.dead_letters.list(after, limit).await.map_err(store)?;
    let total = ports.dead_letters.count().await.map_err(store)?;
    let rows: Vec<[String; 5]> = letters
        .iter()
        .map(|it| {
            [
                it.id.to_string(),
                it.code.as_str().to_owned(),
                it.attempts.to_string(),
                it.replays.to_string(),
                it.last_seen.to_string(),
            ]
        })
        .collect();
    output::table(["ID", "CODE", "ATTEMPTS", "REPLAYS", "LAST SEEN"], &rows);
    output::line(format_args!("{} of {total} parked", rows.len()));
    Ok(())
}

fn show(letter: &DeadLetter) {
    let carries = match &letter.payload {
        DeadPayload::Lead(_) => "a lead, which can be replayed".to_owned(),
        DeadPayload::Bytes(bytes) => format!("{} bytes that nobody can read", bytes.len()),
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let lines = [
        ("id", letter.id.to_string()),
        ("code", letter.code.as_str().to_owned()),
        ("reason", letter.code.reason().to_owned()),
        ("attempts", letter.attempts.to_string()),
        ("replays", letter.replays.to_string()),
        (
            "thread key",
            or_none(letter.thread_key.as_ref().map(ToString::to_string)),
        ),
        ("sent by", or_none(letter.owner.map(|it| it.to_string()))),
        ("first seen", letter.first_seen.to_string()),
        ("last seen", letter.last_seen.to_string()),
        ("carries", carries),
    ];
    for (name, value) in lines {
        output::line(format_args!("{name:<12}{value}"));
    }
}

fn tell(replayed: &Replayed, dry_run: bool) -> Result<(), Failure> {
    let what = if dry_run {
        "would be replayed"
    } else {
        "replayed"
    };
    output::line(format_args!("{what}: {}", replayed.replayed));
    if replayed.unreadable > 0 {
        output::line(format_args!("unreadable, left: {}", replayed.unreadable));
    }
    if replayed.unknown > 0 {
        return Err(Failure::failed(format_args!(
            "unknown ids: {}",
            replayed.unknown
        )));
    }
    Ok(())
}

fn parse_ids(ids: &[String]) -> Result<Vec<DeadLetterId>, Failure> {
    ids.iter().map(|it| parse_id(it)).collect()
}

fn parse_id(text: &str) -> Result<DeadLetterId, Failure> {
    Uuid::parse_str(text)
        .map(DeadLetterId)
        .map_err(|_| Failure::wrong_use("an id is a UUID as `skynet failed list` shows it"))
}

fn store(error: StoreError) -> Failure {
    Failure::failed(error)
}

fn replaying(error: ReplayError) -> Failure {
    Failure::failed(error)
}
