//! Attribute names and their ids, kept in memory so that steady work asks the database nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use eav::{
    AttributeId, AttributeName, AttributeRegistry, Attributes, Definition, RegistryError, Sighting,
    ValueType,
};
use kernel::Batch;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QuerySelect,
};

use crate::entity::attribute::{ActiveModel, Column, Entity, Model};
use crate::failure::{Failure, Trouble, Unreadable};
use crate::store::{SqlStore, Work};

/// The most names that are kept; when there are more, keeping starts anew.
const KEPT_MAX: usize = 20_000;
/// Names or ids in one statement.
const CHUNK: usize = 500;

/// What was read of the attributes. A name's id never changes, and its type only widens, so that
/// what is kept can be behind but never wrong.
#[derive(Default)]
pub(crate) struct Names(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    by_name: HashMap<Arc<str>, (u32, ValueType)>,
    by_id: HashMap<u32, AttributeName>,
}

/// A name and the narrowest type that holds all its values in a call.
pub(crate) type Wanted<'a> = BTreeMap<&'a str, (&'a AttributeName, ValueType)>;

/// Names in the order a lead had them. Those of the next lead are mostly the same, so that each is
/// compared with the one whose turn it is before it is looked up.
#[derive(Default)]
struct Met<'a> {
    names: Vec<(&'a AttributeName, (u32, ValueType))>,
    next: usize,
}

impl<'a> Met<'a> {
    fn known(
        &mut self,
        name: &'a AttributeName,
        look_up: impl FnOnce() -> Option<(u32, ValueType)>,
    ) -> Option<(u32, ValueType)> {
        for turn in [self.next, 0] {
            if let Some((met, known)) = self.names.get(turn)
                && *met == name
            {
                self.next = turn + 1;
                return Some(*known);
            }
        }
        let known = look_up()?;
        if self.next == self.names.len() && self.next < Attributes::MAX_LEN {
            self.names.push((name, known));
            self.next += 1;
        }
        Some(known)
    }
}

impl Names {
    /// The ids of names that are known with types at least as wide; else what is missing.
    fn ids<'a>(&self, seen: &[(&'a AttributeName, ValueType)]) -> (Vec<u32>, Wanted<'a>) {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (mut ids, mut wanted) = (Vec::with_capacity(seen.len()), Wanted::new());
        let mut met = Met::default();
        for &(name, kind) in seen {
            match met.known(name, || kept.by_name.get(name.as_str()).copied()) {
                Some((id, widest)) if widest.widen(kind) == widest => ids.push(id),
                _ => {
                    ids.push(u32::MAX);
                    wanted
                        .entry(name.as_str())
                        .and_modify(|(_, widest)| *widest = widest.widen(kind))
                        .or_insert((name, kind));
                }
            }
        }
        (ids, wanted)
    }

    fn keep(&self, definitions: &[Definition]) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.by_id.len() + definitions.len() > KEPT_MAX {
            *kept = Kept::default();
        }
        for it in definitions {
            let known = (it.id.0, it.widest);
            kept.by_name.insert(it.name.as_str().into(), known);
            kept.by_id.insert(it.id.0, it.name.clone());
        }
    }

    fn of_ids(&self, ids: &BTreeSet<u32>) -> BTreeMap<u32, AttributeName> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        ids.iter()
            .filter_map(|id| Some((*id, kept.by_id.get(id)?.clone())))
            .collect()
    }
}

impl SqlStore {
    /// The ids of names, in their order; new names and wider types are written first.
    pub(crate) async fn attribute_ids(
        &self,
        seen: &[(&AttributeName, ValueType)],
    ) -> Result<Vec<u32>, Failure> {
        let (ids, wanted) = self.inner.names.ids(seen);
        if wanted.is_empty() {
            return Ok(ids);
        }
        let defined = self.transact(&Define { wanted }).await?;
        self.inner.names.keep(&defined);
        let defined: HashMap<&str, u32> = defined
            .iter()
            .map(|it| (it.name.as_str(), it.id.0))
            .collect();
        Ok(seen
            .iter()
            .zip(ids)
            .map(|((name, _), id)| defined.get(name.as_str()).copied().unwrap_or(id))
            .collect())
    }

    /// The names of ids; ids that were never given are left out.
    pub(crate) async fn attribute_names(
        &self,
        ids: &BTreeSet<u32>,
    ) -> Result<BTreeMap<u32, AttributeName>, Trouble> {
        let mut names = self.inner.names.of_ids(ids);
        let missing: Vec<u32> = ids
            .iter()
            .filter(|it| !names.contains_key(it))
            .copied()
            .collect();
        let read = read_by(self.reader(), Column::Id, &missing, Lock::No).await?;
        self.inner.names.keep(&read);
        names.extend(read.into_iter().map(|it| (it.id.0, it.name)));
        Ok(names)
    }
}

#[async_trait]
impl AttributeRegistry for SqlStore {
    async fn resolve(
        &self,
        sightings: &Batch<Sighting>,
    ) -> Result<Vec<AttributeId>, RegistryError> {
        let seen: Vec<_> = sightings.iter().map(|it| (&it.name, it.seen)).collect();
        let ids = self.attribute_ids(&seen).await?;
        Ok(ids.into_iter().map(AttributeId).collect())
    }

    async fn definitions(
        &self,
        ids: &Batch<AttributeId>,
    ) -> Result<Vec<Option<Definition>>, RegistryError> {
        let wanted: Vec<u32> = ids.iter().map(|it| it.0).collect();
        let read = self
            .read(read_by(self.reader(), Column::Id, &wanted, Lock::No))
            .await?;
        let by_id: HashMap<AttributeId, Definition> =
            read.into_iter().map(|it| (it.id, it)).collect();
        Ok(ids.iter().map(|id| by_id.get(id).cloned()).collect())
    }
}

/// Gives ids to new names and widens types.
struct Define<'a> {
    wanted: Wanted<'a>,
}

#[async_trait]
impl Work for Define<'_> {
    type Out = Vec<Definition>;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<Definition>, Trouble> {
        let keys: Vec<Vec<u8>> = self
            .wanted
            .keys()
            .map(|it| it.as_bytes().to_vec())
            .collect();
        let known: HashSet<AttributeName> = read_by(tx, Column::Name, &keys, Lock::No)
            .await?
            .into_iter()
            .map(|it| it.name)
            .collect();
        let new: Vec<ActiveModel> = self
            .wanted
            .values()
            .filter(|(name, _)| !known.contains(*name))
            .map(|(name, kind)| ActiveModel {
                id: ActiveValue::NotSet,
                name: ActiveValue::Set(name.as_str().as_bytes().to_vec()),
                widest: ActiveValue::Set(kind.as_str().to_owned()),
            })
            .collect();
        for chunk in new.chunks(CHUNK) {
            let kept = OnConflict::column(Column::Name)
                .do_nothing_on([Column::Id])
                .to_owned();
            Entity::insert_many(chunk.to_vec())
                .on_conflict(kept)
                .exec_without_returning(tx)
                .await?;
        }

        // Locked, so that of two who widen a type neither undoes what the other did.
        let mut defined = read_by(tx, Column::Name, &keys, Lock::Yes).await?;
        for it in &mut defined {
            let seen = self.wanted.get(it.name.as_str());
            let widest = seen.map_or(it.widest, |(_, kind)| it.widest.widen(*kind));
            if widest != it.widest {
                it.widest = widest;
                Entity::update_many()
                    .col_expr(Column::Widest, widest.as_str().into())
                    .filter(Column::Id.eq(it.id.0))
                    .exec(tx)
                    .await?;
            }
        }
        Ok(defined)
    }
}

/// Whether rows that are read are kept from changing until the transaction ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    Yes,
    No,
}

async fn read_by<C, V>(
    db: &C,
    column: Column,
    keys: &[V],
    lock: Lock,
) -> Result<Vec<Definition>, Trouble>
where
    C: ConnectionTrait,
    V: Into<sea_orm::Value> + Clone,
{
    let mut read = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        let mut find = Entity::find().filter(column.is_in(chunk.iter().cloned()));
        if lock == Lock::Yes {
            find = find.lock_exclusive();
        }
        let rows = find.all(db).await?;
        for row in rows {
            read.push(definition_of(row)?);
        }
    }
    Ok(read)
}

fn definition_of(row: Model) -> Result<Definition, Unreadable> {
    let name = String::from_utf8(row.name)
        .ok()
        .and_then(|it| AttributeName::parse(&it).ok())
        .ok_or(Unreadable("attributes.name"))?;
    Ok(Definition {
        id: AttributeId(row.id),
        name,
        widest: ValueType::from_name(&row.widest).ok_or(Unreadable("attributes.widest"))?,
    })
}
