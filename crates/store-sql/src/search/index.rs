//! Moving leads from the backlog into segments, and those into segments that were there before it.

use std::sync::Mutex;

use async_trait::async_trait;
use lead::ports::Indexed;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::entries::{self, Entry};
use super::segment::{self, SEGMENT_BYTES, Segment};
use super::sql::{self, Row, statement};
use super::write::{Prepared, STATEMENT_BYTES};
use crate::failure::{Failure, Trouble};
use crate::store::{SqlStore, Work};

/// A row with fewer leads is small.
const SMALL_LEADS: usize = 512;
/// With more small rows than this, some are made one. A search reads them all; making them one
/// writes their texts once more.
const SMALL_ROWS: usize = 256;
/// The most leads of rows that are made one: as many as a transaction stores at most.
const MERGED_LEADS: usize = kernel::Batch::<()>::MAX_LEN;
/// Rows of the backlog that are considered at a time.
const ROWS: usize = 10_000;
/// Leads that are read at a time to be indexed.
const PAGE: usize = 4_096;

impl SqlStore {
    /// Takes one step, if there is one to take.
    pub(crate) async fn index_step(&self) -> Result<Indexed, Failure> {
        let segment_leads = self.segment_leads;
        // Where a transaction keeps all others waiting, what takes long is done before it.
        let builds_ahead = self.inner.dialect.has_one_writer();
        let looking = async {
            let tx = self.snapshot().await?;
            let plan = Plan::now(&tx, segment_leads).await?;
            let is_idle = plan == Plan::Nothing;
            let ahead = if builds_ahead {
                Some(plan.prepare(&tx, segment_leads).await?)
            } else {
                None
            };
            tx.commit().await?;
            Ok::<_, Trouble>((is_idle, ahead))
        };
        let (is_idle, ahead) = self.read(looking).await?;
        if is_idle {
            return Ok(Indexed::default());
        }
        let step = Step {
            segment_leads,
            ahead: Mutex::new(ahead),
        };
        self.transact(&step).await
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Plan {
    Nothing,
    /// Index leads that were there before the index, from after this id on.
    Backfill(Uuid),
    /// Make these rows of the backlog a segment.
    Segment(Vec<Row>),
    /// Make these rows of the backlog one.
    Merge(Vec<Row>),
}

impl Plan {
    async fn now(tx: &DatabaseTransaction, segment_leads: usize) -> Result<Self, DbErr> {
        if let Some(after) = sql::backfill_after(tx).await? {
            return Ok(Self::Backfill(after));
        }
        Ok(Self::of(&sql::backlog(tx, ROWS).await?, segment_leads))
    }

    /// What to do about these rows. Rows are never split: a segment ends before the row that does
    /// not fit any more, and a row with more leads than a segment has is one of its own.
    fn of(rows: &[Row], segment_leads: usize) -> Self {
        let whole = fitting(rows, segment_leads, SEGMENT_BYTES);
        let leads: usize = rows[..whole].iter().map(|it| it.leads).sum();
        if whole < rows.len() || leads >= segment_leads {
            return Self::Segment(rows[..whole].to_vec());
        }
        let small: Vec<Row> = rows
            .iter()
            .filter(|it| it.leads < SMALL_LEADS)
            .copied()
            .collect();
        if small.len() <= SMALL_ROWS {
            return Self::Nothing;
        }
        let merged = fitting(&small, MERGED_LEADS, STATEMENT_BYTES);
        if merged > 1 {
            Self::Merge(small[..merged].to_vec())
        } else {
            Self::Nothing
        }
    }

    async fn prepare(
        self,
        tx: &DatabaseTransaction,
        segment_leads: usize,
    ) -> Result<Prepared, Trouble> {
        Ok(match self {
            Self::Nothing => Prepared::Nothing,
            Self::Backfill(after) => backfill(tx, after, segment_leads).await?,
            Self::Segment(rows) => {
                let segment = build(sql::entries(tx, &rows).await?).await?;
                Prepared::Segment { rows, segment }
            }
            Self::Merge(rows) => {
                let entries = sql::entries(tx, &rows).await?.concat();
                Prepared::Merged { rows, entries }
            }
        })
    }
}

/// How many of the first rows have so many leads and bytes, one at least where there is one.
fn fitting(rows: &[Row], leads: usize, bytes: usize) -> usize {
    let (mut sum_leads, mut sum_bytes) = (0, 0);
    let fitting = rows.iter().take_while(|it| {
        sum_leads += it.leads;
        sum_bytes += it.bytes;
        sum_leads <= leads && sum_bytes <= bytes
    });
    fitting.count().max(1).min(rows.len())
}

async fn backfill(
    tx: &DatabaseTransaction,
    after: Uuid,
    segment_leads: usize,
) -> Result<Prepared, Trouble> {
    if after.is_nil()
        && let Some(outdated) = sql::segments(tx).await?.first()
    {
        return Ok(Prepared::Outdated(vec![outdated.id]));
    }
    let mut read = Vec::new();
    let (mut leads, mut bytes, mut until) = (0, 0, Some(after));
    while leads < segment_leads && bytes < SEGMENT_BYTES {
        let page = PAGE.min(segment_leads - leads);
        let rows = leads_after(tx, until.unwrap_or(after), page).await?;
        let Some((last, _)) = rows.last() else {
            until = None;
            break;
        };
        let is_last_page = rows.len() < page;
        until = (!is_last_page).then_some(*last);
        leads += rows.len();
        let entries = entries::encode(rows.iter().map(|(id, text)| Entry { id: *id, text }));
        bytes += entries.len();
        read.push(entries);
        if is_last_page {
            break;
        }
    }
    Ok(Prepared::Backfill {
        after,
        until,
        segment: build(read).await?,
    })
}

async fn leads_after(
    tx: &DatabaseTransaction,
    after: Uuid,
    most: usize,
) -> Result<Vec<(Uuid, Vec<u8>)>, DbErr> {
    let sql = format!("SELECT id, search_text FROM leads WHERE id > ? ORDER BY id LIMIT {most}");
    let rows = tx
        .query_all_raw(statement(tx, sql, vec![after.into()]))
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect()
}

/// The segment of the leads in these entries, made where it holds nobody up.
async fn build(rows: Vec<Vec<u8>>) -> Result<Option<Segment>, Trouble> {
    let building = tokio::task::spawn_blocking(move || {
        let entries = rows.iter().flat_map(|it| entries::decode(it));
        let mut entries: Vec<Entry<'_>> = entries.collect::<Result<_, _>>()?;
        Ok::<_, Trouble>(segment::build(&mut entries))
    });
    match building.await {
        Ok(built) => built,
        Err(error) => Err(DbErr::Custom(format!("a segment could not be made: {error}")).into()),
    }
}

/// One step, in one transaction.
struct Step {
    segment_leads: usize,
    ahead: Mutex<Option<Prepared>>,
}

#[async_trait]
impl Work for Step {
    type Out = Indexed;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Indexed, Trouble> {
        // Held first: one at a time takes a step, and what is read then is what the last one left.
        tx.execute_unprepared("UPDATE search_state SET id = id")
            .await?;
        let ahead = self.ahead.lock().ok().and_then(|mut it| it.take());
        let prepared = if let Some(prepared) = ahead {
            prepared
        } else {
            let plan = Plan::now(tx, self.segment_leads).await?;
            plan.prepare(tx, self.segment_leads).await?
        };
        prepared.write(tx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(leads: &[usize]) -> Vec<Row> {
        let row = |(seq, leads): (i64, &usize)| Row {
            seq,
            leads: *leads,
            bytes: leads * 100,
        };
        (1..).zip(leads).map(row).collect()
    }

    #[test]
    fn a_segment_is_of_whole_rows_and_begins_when_no_more_fit() {
        let all = rows(&[400, 400, 400]);
        assert_eq!(Plan::of(&all, 1_000), Plan::Segment(all[..2].to_vec()));
        assert_eq!(Plan::of(&all, 1_200), Plan::Segment(all.clone()));
        assert_eq!(Plan::of(&all, 1_201), Plan::Nothing);
        assert_eq!(Plan::of(&all, 100), Plan::Segment(all[..1].to_vec()));
        assert_eq!(Plan::of(&[], 100), Plan::Nothing);
        let mut long = rows(&[10, 10, 10]);
        long[1].bytes = SEGMENT_BYTES;
        assert_eq!(Plan::of(&long, 100), Plan::Segment(long[..1].to_vec()));
    }

    #[test]
    fn many_small_rows_are_made_one() {
        let few = rows(&[1; SMALL_ROWS]);
        assert_eq!(Plan::of(&few, 10_000), Plan::Nothing);
        let mut many = rows(&[1; SMALL_ROWS + 1]);
        assert_eq!(Plan::of(&many, 10_000), Plan::Merge(many.clone()));
        many[3].leads = SMALL_LEADS;
        assert_eq!(Plan::of(&many, 10_000), Plan::Nothing);
        let more = rows(&[120; SMALL_ROWS + 1]);
        assert_eq!(Plan::of(&more, 100_000), Plan::Merge(more[..8].to_vec()));
    }
}
