//! Candidates of a search, one after the other in the order of a list.
//!
//! A candidate is a lead that had all the grams looked up when it was stored. The walk opens
//! segments as the list reaches them, and reads of their ids only blocks that hold candidates. What
//! it gives is strictly ordered, and each lead comes once, in however many segments it is.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use sea_orm::{Condition, DatabaseTransaction, Value};
use uuid::Uuid;

use super::backlog::Waiting;
use super::bits::Bits;
use super::grams::bucket;
use super::postings;
use super::segment::{BLOCK_IDS, ID_BYTES};
use super::sql::{self, Header, block_place, bucket_place};
use super::verify::{Candidates, DENSE};
use crate::failure::{Trouble, Unreadable};

/// Segments that are opened first, and at most, at a time.
const ROUND_FIRST: usize = 8;
const ROUND_MAX: usize = 64;
/// Grams that are looked up in all segments but the first: those that the fewest leads of the first
/// have. The others would seldom rule out more.
const RAREST: usize = 3;
/// Blocks of ids that are read at a time.
const BLOCKS_MAX: usize = 128;
const _: () = assert!(BLOCKS_MAX <= sql::LIST_MAX);

/// In which order leads are listed. A key is greater the earlier its lead comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
}

impl Order {
    pub(super) fn key(self, id: Uuid) -> u128 {
        match self {
            Self::NewestFirst => id.as_u128(),
            Self::OldestFirst => !id.as_u128(),
        }
    }

    pub(super) fn id(self, key: u128) -> Uuid {
        match self {
            Self::NewestFirst => Uuid::from_u128(key),
            Self::OldestFirst => Uuid::from_u128(!key),
        }
    }

    /// The keys of the first and the last lead of a segment in this order.
    fn ends(self, segment: &Header) -> (u128, u128) {
        let (first, last) = (self.key(segment.first), self.key(segment.last));
        (first.max(last), first.min(last))
    }
}

pub(super) struct Walk<'a> {
    tx: &'a DatabaseTransaction,
    order: Order,
    grams: Vec<Gram>,
    /// What is still to come has a lesser key.
    below: Option<u128>,
    /// Those that come first are last.
    unopened: Vec<Header>,
    open: Vec<Open>,
    waiting: BinaryHeap<u128>,
    round: usize,
    opened_leads: usize,
    opened_hits: usize,
}

/// A gram that every candidate has.
struct Gram {
    number: u32,
    bucket: usize,
    /// Leads that have it, in the segments seen so far.
    met: usize,
}

/// A segment with candidates whose ids are not read.
struct Open {
    id: i64,
    leads: usize,
    hits: Bits,
    /// Blocks to read, in order from the end of the list.
    blocks: Vec<(usize, usize)>,
    /// None of its unread candidates has a greater key.
    bound: u128,
}

impl<'a> Walk<'a> {
    /// A walk over those with all of `grams` whose keys are less than `below`; `waiting` are known
    /// already.
    pub(super) async fn new(
        tx: &'a DatabaseTransaction,
        order: Order,
        grams: &[u32],
        waiting: Waiting,
        below: Option<u128>,
    ) -> Result<Self, Trouble> {
        let mut unopened = sql::segments(tx).await?;
        unopened.retain(|it| below.is_none_or(|below| order.ends(it).1 < below));
        unopened.sort_unstable_by_key(|it| order.ends(it).0);
        let gram = |gram: &u32| Gram {
            number: *gram,
            bucket: bucket(*gram),
            met: 0,
        };
        Ok(Self {
            tx,
            order,
            grams: grams.iter().map(gram).collect(),
            below,
            unopened,
            open: Vec::new(),
            round: ROUND_FIRST,
            opened_leads: waiting.leads,
            opened_hits: waiting.ids.len(),
            waiting: waiting.ids.into_iter().map(|it| order.key(it)).collect(),
        })
    }

    /// The keys of the next candidates, `want` of them, or fewer at the end.
    pub(super) async fn next(&mut self, want: usize) -> Result<Vec<u128>, Trouble> {
        let mut keys = Vec::with_capacity(want);
        loop {
            let unopened = self.unopened.last().map(|it| self.order.ends(it).0);
            let open = self.open.iter().map(|it| it.bound).max();
            let bound = unopened.max(open);
            self.hand_out(&mut keys, want, bound);
            if keys.len() >= want || bound.is_none() {
                return Ok(keys);
            }
            if unopened >= open {
                self.open_round().await?;
            } else {
                self.read_blocks(want - keys.len()).await?;
            }
        }
    }

    /// Some that it has given, to be compared with a condition.
    pub(super) fn candidates<'k>(
        &self,
        keys: &'k [u128],
        condition: &'k Condition,
    ) -> Candidates<'k> {
        // In the backlog and the segments seen so far.
        let leads_per_candidate = self.opened_leads / self.opened_hits.max(1);
        Candidates {
            keys,
            order: self.order,
            condition,
            is_dense: leads_per_candidate <= DENSE,
        }
    }

    fn hand_out(&mut self, keys: &mut Vec<u128>, want: usize, bound: Option<u128>) {
        while keys.len() < want
            && let Some(first) = self.waiting.peek()
            && bound.is_none_or(|bound| *first >= bound)
        {
            if self.below.is_none_or(|below| *first < below) {
                self.below = Some(*first);
                keys.push(*first);
            }
            self.waiting.pop();
        }
    }

    async fn open_round(&mut self) -> Result<(), Trouble> {
        let from = self.unopened.len().saturating_sub(self.round);
        self.round = (self.round * 4).min(ROUND_MAX);
        let segments = self.unopened.split_off(from);
        let mut rows = HashMap::new();
        let places: Vec<i64> = segments
            .iter()
            .flat_map(|it| {
                self.grams
                    .iter()
                    .map(|gram| bucket_place(it.id, gram.bucket))
            })
            .collect();
        for places in places.chunks(sql::LIST_MAX) {
            rows.extend(
                self.rows(
                    "SELECT place, postings FROM search_grams WHERE place",
                    places,
                )
                .await?,
            );
        }
        for segment in segments {
            self.opened_leads += segment.leads;
            let mut hits: Option<Bits> = None;
            for it in &mut self.grams {
                let row = rows.get(&bucket_place(segment.id, it.bucket));
                let row = row.map_or(&[][..], Vec::as_slice);
                let having = postings::having(row, it.number, segment.leads)?;
                it.met += having.count();
                match &mut hits {
                    Some(hits) => hits.keep_common(&having),
                    None => hits = Some(having),
                }
            }
            let Some(hits) = hits else {
                continue;
            };
            self.opened_hits += hits.count();
            let blocks = 0..segment.leads.div_ceil(BLOCK_IDS);
            let blocks = blocks.map(|it| (it, hits.count_in(it * BLOCK_IDS, (it + 1) * BLOCK_IDS)));
            let mut blocks: Vec<_> = blocks.filter(|(_, hits)| *hits > 0).collect();
            if self.order == Order::OldestFirst {
                blocks.reverse();
            }
            if !blocks.is_empty() {
                self.open.push(Open {
                    id: segment.id,
                    leads: segment.leads,
                    bound: self.order.ends(&segment).0,
                    hits,
                    blocks,
                });
            }
        }
        self.grams.sort_unstable_by_key(|it| it.met);
        self.grams.truncate(RAREST);
        Ok(())
    }

    /// Reads blocks that hold about so many candidates, of the segments that come first.
    async fn read_blocks(&mut self, want: usize) -> Result<(), Trouble> {
        self.open.sort_unstable_by_key(|it| Reverse(it.bound));
        let (mut hoped, mut chosen) = (0, Vec::new());
        for segment in &self.open {
            for (block, hits) in segment.blocks.iter().rev() {
                if hoped < want && chosen.len() < BLOCKS_MAX {
                    chosen.push(block_place(segment.id, *block));
                    hoped += hits;
                }
            }
        }
        let rows = self
            .rows("SELECT place, ids FROM search_ids WHERE place", &chosen)
            .await?;
        for segment in &mut self.open {
            while let Some((block, _)) = segment.blocks.last()
                && let Some(ids) = rows.get(&block_place(segment.id, *block))
            {
                self.waiting.extend(segment.take(*block, ids, self.order)?);
                segment.blocks.pop();
            }
        }
        let unread = Unreadable("search_ids.ids");
        let first = chosen.first().ok_or(unread)?;
        if !rows.contains_key(first) {
            return Err(unread.into());
        }
        self.open.retain(|it| !it.blocks.is_empty());
        Ok(())
    }

    async fn rows(&self, select: &str, places: &[i64]) -> Result<HashMap<i64, Vec<u8>>, Trouble> {
        let keys: Vec<Value> = places.iter().map(|it| (*it).into()).collect();
        let rows = sql::select_by(self.tx, select, keys).await?;
        let row = |row: &sea_orm::QueryResult| {
            Ok::<_, Trouble>((row.try_get_by_index(0)?, row.try_get_by_index(1)?))
        };
        rows.iter().map(row).collect()
    }
}

impl Open {
    /// The keys of the candidates in a block; lowers the bound to the last key of it.
    fn take(&mut self, block: usize, ids: &[u8], order: Order) -> Result<Vec<u128>, Unreadable> {
        let first = block * BLOCK_IDS;
        let count = (self.leads - first).min(BLOCK_IDS);
        if ids.len() != count * ID_BYTES {
            return Err(Unreadable("search_ids.ids"));
        }
        let ids = ids.chunks_exact(ID_BYTES).zip(first..);
        let mut keys = Vec::new();
        for (id, lead) in ids {
            let id = Uuid::from_slice(id).map_err(|_| Unreadable("search_ids.ids"))?;
            self.bound = self.bound.min(order.key(id));
            if self.hits.has(lead) {
                keys.push(order.key(id));
            }
        }
        Ok(keys)
    }
}
