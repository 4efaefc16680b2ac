//! Idempotency keys.

use async_trait::async_trait;
use kernel::Timestamp;
use lead::ports::{CLAIM_LEASE, CLAIM_LIFE, Claims, ClaimsError};
use lead::{Claim, ClaimKey, Fingerprint, StoredAnswer};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

use crate::entity::claim::{ActiveModel, Column, Entity, Model};
use crate::failure::{Trouble, Unreadable};
use crate::row::moment;
use crate::store::{SqlStore, Work};

/// `claims.state` of a key whose request runs, or died.
const RUNNING: &str = "running";
/// `claims.state` of a key that was given back.
const RELEASED: &str = "released";
/// `claims.state` of a key with an answer.
const ANSWERED: &str = "answered";

#[async_trait]
impl Claims for SqlStore {
    async fn claim(
        &self,
        key: &ClaimKey,
        content: Fingerprint,
        now: Timestamp,
    ) -> Result<Claim, ClaimsError> {
        let take = Take { key, content, now };
        Ok(self.transact(&take).await?)
    }

    async fn finish(&self, key: &ClaimKey, answer: &StoredAnswer) -> Result<(), ClaimsError> {
        Ok(self.transact(&Finish { key, answer }).await?)
    }

    async fn release(&self, key: &ClaimKey, anything_published: bool) -> Result<(), ClaimsError> {
        let release = Release {
            key,
            anything_published,
        };
        Ok(self.transact(&release).await?)
    }
}

impl SqlStore {
    /// Gives back every key whose request runs, as if it had published something. Only for a process
    /// that has just begun and has the store for itself, since then nothing runs.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`]; the keys may still be held until their leases end.
    pub async fn release_running_claims(&self) -> Result<(), ClaimsError> {
        Ok(self.transact(&ReleaseRunning).await?)
    }
}

struct ReleaseRunning;

#[async_trait]
impl Work for ReleaseRunning {
    type Out = ();

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), Trouble> {
        Entity::update_many()
            .col_expr(Column::State, RELEASED.into())
            .col_expr(Column::MayBePublished, true.into())
            .filter(Column::State.eq(RUNNING))
            .exec(tx)
            .await?;
        Ok(())
    }
}

struct Take<'a> {
    key: &'a ClaimKey,
    content: Fingerprint,
    now: Timestamp,
}

#[async_trait]
impl Work for Take<'_> {
    type Out = Claim;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Claim, Trouble> {
        let oldest_alive = self.now.minus(CLAIM_LIFE).date_time();
        Entity::delete_many()
            .filter(Column::AcceptedAt.lte(oldest_alive))
            .exec(tx)
            .await?;
        // A key that is nobody's is written as one given back, so that of those who want it at
        // once the first holds the row and the others wait to see what it became.
        self.write(
            tx,
            OnConflict::new().do_nothing_on([Column::Owner]).to_owned(),
            RELEASED,
        )
        .await?;
        let known = find(tx, self.key).await?;
        let known = known.ok_or(DbErr::RecordNotInserted)?;
        if known.fingerprint != self.content.0 {
            if known.state == RELEASED && !known.may_be_published {
                self.write(tx, anew(), RUNNING).await?;
                return Ok(Claim::Held {
                    accepted_at: self.now,
                });
            }
            return Ok(Claim::OtherContent);
        }
        if known.state == ANSWERED {
            return Ok(Claim::Answered(answer_of(known)?));
        }
        let taken_at = moment(known.taken_at, "claims.taken_at")?;
        if known.state == RUNNING && self.now < taken_at.plus(CLAIM_LEASE) {
            return Ok(Claim::Running);
        }
        Entity::update_many()
            .col_expr(Column::State, RUNNING.into())
            .col_expr(Column::TakenAt, self.now.date_time().into())
            .filter(is(self.key))
            .exec(tx)
            .await?;
        Ok(Claim::Held {
            accepted_at: moment(known.accepted_at, "claims.accepted_at")?,
        })
    }
}

impl Take<'_> {
    /// Writes the key as claimed now for the first time.
    async fn write(
        &self,
        tx: &DatabaseTransaction,
        there: OnConflict,
        state: &str,
    ) -> Result<(), DbErr> {
        let row: ActiveModel = Model {
            owner: self.key.owner.0,
            path: self.key.path.clone().into_bytes(),
            key_text: self.key.key.as_str().as_bytes().to_vec(),
            fingerprint: self.content.0.to_vec(),
            accepted_at: self.now.date_time(),
            state: state.to_owned(),
            may_be_published: false,
            taken_at: self.now.date_time(),
            status: None,
            location: None,
            body: None,
        }
        .into_active_model();
        Entity::insert(row)
            .on_conflict(there)
            .exec_without_returning(tx)
            .await
            .map(drop)
    }
}

/// Whatever stands there is overwritten.
fn anew() -> OnConflict {
    OnConflict::columns([Column::Owner, Column::Path, Column::KeyText])
        .update_columns([
            Column::Fingerprint,
            Column::AcceptedAt,
            Column::State,
            Column::MayBePublished,
            Column::TakenAt,
            Column::Status,
            Column::Location,
            Column::Body,
        ])
        .to_owned()
}

struct Finish<'a> {
    key: &'a ClaimKey,
    answer: &'a StoredAnswer,
}

#[async_trait]
impl Work for Finish<'_> {
    type Out = ();

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), Trouble> {
        Entity::update_many()
            .col_expr(Column::State, ANSWERED.into())
            .col_expr(Column::Status, self.answer.status.into())
            .col_expr(Column::Location, self.answer.location.clone().into())
            .col_expr(Column::Body, self.answer.body.clone().into())
            .filter(is(self.key))
            .exec(tx)
            .await?;
        Ok(())
    }
}

struct Release<'a> {
    key: &'a ClaimKey,
    anything_published: bool,
}

#[async_trait]
impl Work for Release<'_> {
    type Out = ();

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), Trouble> {
        let mut update = Entity::update_many()
            .col_expr(Column::State, RELEASED.into())
            .filter(is(self.key))
            .filter(Column::State.ne(ANSWERED));
        if self.anything_published {
            update = update.col_expr(Column::MayBePublished, true.into());
        }
        update.exec(tx).await?;
        Ok(())
    }
}

async fn find(tx: &DatabaseTransaction, key: &ClaimKey) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(is(key))
        .lock_exclusive()
        .one(tx)
        .await
}

fn is(key: &ClaimKey) -> Expr {
    use sea_orm::sea_query::ExprTrait;
    Column::Owner
        .eq(key.owner.0)
        .and(Column::Path.eq(key.path.clone().into_bytes()))
        .and(Column::KeyText.eq(key.key.as_str().as_bytes().to_vec()))
}

fn answer_of(row: Model) -> Result<StoredAnswer, Unreadable> {
    Ok(StoredAnswer {
        status: row.status.ok_or(Unreadable("claims.status"))?,
        location: row.location,
        body: row.body.ok_or(Unreadable("claims.body"))?,
    })
}
