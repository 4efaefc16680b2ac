//! Parking messages.

use async_trait::async_trait;
use kernel::{Batch, Timestamp};
use lead::{DeadPayload, Parked, Part, QueuedLead, RowKey};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use crate::entity::{dead_letter, lead as stored_lead, outcome};
use crate::failure::Trouble;
use crate::ledger::{FAILED, Ledger, Row, signed};
use crate::store::Work;

pub(crate) struct Park<'a> {
    pub(crate) parked: &'a Batch<Parked>,
}

#[async_trait]
impl Work for Park<'_> {
    type Out = ();

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), Trouble> {
        // In one order, so that two of the same letters never wait for each other.
        let mut letters: Vec<&Parked> = self.parked.iter().collect();
        letters.sort_by_key(|it| it.id.0);
        for parked in letters {
            write_letter(tx, parked).await?;
        }
        let ids: Vec<Uuid> = self
            .parked
            .iter()
            .filter_map(lead_in)
            .map(|(_, queued)| queued.lead.id.0)
            .collect();
        let at = self
            .parked
            .iter()
            .map(|it| it.at)
            .max()
            .unwrap_or(Timestamp::from_unix_ms(0));
        let mut ledger = Ledger::new(at);
        ledger.learn(tx, ids.iter().copied()).await?;
        for parked in self.parked.iter() {
            if let Some((part, queued)) = lead_in(parked) {
                fail(&mut ledger, parked, part, queued);
            }
        }
        // Written before the look at the leads, as an append looks here after it wrote its leads:
        // of the two, one sees the other or waits for it.
        ledger.write_outcomes(tx).await?;
        for stored in stored_among(tx, &ids).await? {
            ledger.clear_failed(stored);
        }
        ledger.write(tx).await?;
        Ok(())
    }
}

fn fail(ledger: &mut Ledger, parked: &Parked, part: &Part, queued: &QueuedLead) {
    let id = queued.lead.id;
    let is_duplicate = ledger.outcome(id.0).is_some_and(|it| it.kind != FAILED);
    if is_duplicate {
        return;
    }
    let row = part.note.as_ref().map(|note| Row {
        key: RowKey {
            batch: note.batch,
            index: queued.index,
        },
        owner: note.owner.0,
        accepted_at: note.accepted_at,
    });
    let outcome = outcome::Model {
        lead_id: id.0,
        batch_id: row.map(|it| it.key.batch.0),
        row_index: row.map(|it| signed(it.key.index)),
        owner: part.owner.0,
        kind: FAILED.to_owned(),
        duplicate_of: None,
        code: Some(parked.code.as_str().to_owned()),
        attempts: parked.attempts,
        updated_at: parked.at.date_time(),
    };
    ledger.recorded(outcome, row);
}

/// The one lead of a parked message, with its part; none for unreadable bytes.
fn lead_in(parked: &Parked) -> Option<(&Part, &QueuedLead)> {
    let DeadPayload::Lead(message) = &parked.payload else {
        return None;
    };
    let part = message.parts.first()?;
    Some((part, part.leads.first()?))
}

async fn stored_among(tx: &DatabaseTransaction, ids: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    let mut stored = Vec::new();
    for chunk in ids.chunks(500) {
        let found: Vec<Uuid> = stored_lead::Entity::find()
            .select_only()
            .column(stored_lead::Column::Id)
            .filter(stored_lead::Column::Id.is_in(chunk.iter().copied()))
            .lock_exclusive()
            .into_tuple()
            .all(tx)
            .await?;
        stored.extend(found);
    }
    Ok(stored)
}

async fn write_letter(tx: &DatabaseTransaction, parked: &Parked) -> Result<(), DbErr> {
    use dead_letter::Column;
    let message = match &parked.payload {
        DeadPayload::Lead(message) => Some(message),
        DeadPayload::Bytes(_) => None,
    };
    let part = message.and_then(|it| it.parts.first());
    let replays = message.map_or(0, |it| it.replays);
    let letter = dead_letter::Model {
        id: parked.id.0,
        payload: match &parked.payload {
            DeadPayload::Lead(message) => queue_codec::encode(message),
            DeadPayload::Bytes(bytes) => bytes.clone(),
        },
        is_readable: message.is_some(),
        code: parked.code.as_str().to_owned(),
        reason: parked.code.reason().to_owned(),
        attempts: parked.attempts,
        replays,
        thread_key: part.map(|it| it.thread_key.as_str().to_owned()),
        owner: part.map(|it| it.owner.0),
        first_seen: parked.at.date_time(),
        last_seen: parked.at.date_time(),
    };
    let mut again = OnConflict::column(Column::Id);
    again
        .update_columns([Column::Attempts, Column::LastSeen])
        .value(
            Column::Replays,
            Expr::cust_with_values(
                "CASE WHEN replays < ? THEN ? ELSE replays END",
                [replays, replays],
            ),
        );
    dead_letter::Entity::insert(letter.into_active_model())
        .on_conflict(again)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}
