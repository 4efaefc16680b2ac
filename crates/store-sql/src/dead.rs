//! The parked messages.

use async_trait::async_trait;
use kernel::{Batch, ThreadKey, UserId};
use lead::ports::{DeadLetters, SeenDead, StoreError};
use lead::{DeadLetter, DeadLetterId, DeadPayload, ParkCode};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::entity::dead_letter::{Column, Entity, Model};
use crate::failure::{Trouble, Unreadable};
use crate::ledger::Ledger;
use crate::row::moment;
use crate::store::{SqlStore, Work};

#[async_trait]
impl DeadLetters for SqlStore {
    async fn list(
        &self,
        after: Option<DeadLetterId>,
        limit: u16,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let mut find = Entity::find();
        if let Some(after) = after {
            find = find.filter(Column::Id.gt(after.0));
        }
        let find = find.order_by_asc(Column::Id).limit(u64::from(limit));
        Ok(self.read(self.letters(find)).await?)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.read(Entity::find().count(self.reader())).await?)
    }

    async fn show(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
        let find = Entity::find_by_id(id.0);
        Ok(self.read(self.letters(find)).await?.pop())
    }

    async fn replayed(&self, seen: &Batch<SeenDead>) -> Result<(), StoreError> {
        Ok(self.transact(&TakeBack { seen }).await?)
    }

    async fn discard(&self, id: DeadLetterId) -> Result<bool, StoreError> {
        Ok(self.transact(&Discard { id }).await?)
    }
}

impl SqlStore {
    async fn letters(&self, find: Select<Entity>) -> Result<Vec<DeadLetter>, Trouble> {
        let rows = find.all(self.reader()).await?;
        Ok(rows.into_iter().map(letter_of).collect::<Result<_, _>>()?)
    }
}

struct TakeBack<'a> {
    seen: &'a Batch<SeenDead>,
}

#[async_trait]
impl Work for TakeBack<'_> {
    type Out = ();

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), Trouble> {
        let mut gone = Vec::with_capacity(self.seen.len());
        let mut last_touch = None;
        for seen in self.seen.iter() {
            let same = Entity::find_by_id(seen.id.0)
                .filter(Column::Replays.eq(seen.replays))
                .lock_exclusive()
                .one(tx)
                .await?;
            if let Some(row) = same {
                Entity::delete_by_id(row.id).exec(tx).await?;
                last_touch = last_touch.max(Some(moment(row.last_seen, "dead_letters.last_seen")?));
                gone.push(row.id);
            }
        }
        if let Some(at) = last_touch {
            let mut ledger = Ledger::new(at);
            ledger.learn(tx, gone.iter().copied()).await?;
            for id in gone {
                ledger.clear_failed(id);
            }
            ledger.write(tx).await?;
        }
        Ok(())
    }
}

struct Discard {
    id: DeadLetterId,
}

#[async_trait]
impl Work for Discard {
    type Out = bool;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<bool, Trouble> {
        let letter = Entity::find_by_id(self.id.0).lock_exclusive().one(tx);
        let was_there = letter.await?.is_some();
        if was_there {
            Entity::delete_by_id(self.id.0).exec(tx).await?;
        }
        Ok(was_there)
    }
}

/// The letter in a row. A message of a version that is not known is bytes: it can be looked at.
fn letter_of(row: Model) -> Result<DeadLetter, Unreadable> {
    let message = row
        .is_readable
        .then(|| queue_codec::decode(&row.payload).ok())
        .flatten();
    Ok(DeadLetter {
        id: DeadLetterId(row.id),
        payload: match message {
            Some(message) => DeadPayload::Lead(message),
            None => DeadPayload::Bytes(row.payload),
        },
        code: ParkCode::from_name(&row.code).ok_or(Unreadable("dead_letters.code"))?,
        attempts: row.attempts,
        replays: row.replays,
        thread_key: row
            .thread_key
            .map(|it| ThreadKey::parse(&it))
            .transpose()
            .map_err(|_| Unreadable("dead_letters.thread_key"))?,
        owner: row.owner.map(UserId),
        first_seen: moment(row.first_seen, "dead_letters.first_seen")?,
        last_seen: moment(row.last_seen, "dead_letters.last_seen")?,
    })
}
