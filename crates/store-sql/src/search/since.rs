//! How many leads have come since a moment.

use sea_orm::{DatabaseTransaction, Value};
use uuid::Uuid;

use super::backlog;
use super::segment::{BLOCK_IDS, ID_BYTES};
use super::sql::{self, Header, block_place};
use crate::failure::{Trouble, Unreadable};

const UNREADABLE: Unreadable = Unreadable("search_ids.ids");

/// How many leads have ids from `first` on, by the index; none where it does not have as many leads
/// as `all`, which is how many were counted, or cannot tell.
pub(crate) async fn count_since(
    tx: &DatabaseTransaction,
    first: Uuid,
    all: u64,
) -> Result<Option<u64>, Trouble> {
    if sql::backfill_after(tx).await?.is_some() {
        return Ok(None);
    }
    let Some(rows) = backlog::rows(tx).await? else {
        return Ok(None);
    };
    let segments = sql::segments(tx).await?;
    let in_segments: usize = segments.iter().map(|it| it.leads).sum();
    let waiting: usize = rows.iter().map(|it| it.leads).sum();
    if (in_segments + waiting) as u64 != all {
        return Ok(None);
    }
    let mut count = 0;
    backlog::each(tx, &rows, |entry| count += usize::from(entry.id >= first)).await?;
    for segment in &segments {
        if segment.first >= first {
            count += segment.leads;
        } else if segment.last >= first {
            count += count_in(tx, segment, first).await?;
        }
    }
    Ok(Some(count as u64))
}

/// How many leads of a segment have ids from `first` on.
async fn count_in(
    tx: &DatabaseTransaction,
    segment: &Header,
    first: Uuid,
) -> Result<usize, Trouble> {
    let blocks: Vec<usize> = (0..segment.leads.div_ceil(BLOCK_IDS)).collect();
    let (mut met, mut count) = (0, 0);
    for blocks in blocks.chunks(sql::LIST_MAX) {
        let keys = blocks
            .iter()
            .map(|it| Value::from(block_place(segment.id, *it)));
        let select = "SELECT ids FROM search_ids WHERE place";
        for row in sql::select_by(tx, select, keys.collect()).await? {
            let ids: Vec<u8> = row.try_get_by_index(0)?;
            met += ids.len();
            let ids = ids.chunks(ID_BYTES);
            count += ids.filter(|it| *it >= first.as_bytes().as_slice()).count();
        }
    }
    if met == segment.leads * ID_BYTES {
        Ok(count)
    } else {
        Err(UNREADABLE.into())
    }
}
