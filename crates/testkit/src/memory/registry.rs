//! Attribute names.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use eav::{AttributeId, AttributeName, AttributeRegistry, Definition, RegistryError, Sighting};
use kernel::Batch;

use super::lock;

/// Names, with ids that count from 1.
#[derive(Debug, Default)]
pub struct MemoryRegistry(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ids: HashMap<AttributeName, AttributeId>,
    definitions: HashMap<AttributeId, Definition>,
}

#[async_trait]
impl AttributeRegistry for MemoryRegistry {
    async fn resolve(
        &self,
        sightings: &Batch<Sighting>,
    ) -> Result<Vec<AttributeId>, RegistryError> {
        let state = &mut *lock(&self.0);
        let mut resolve = |Sighting { name, seen }: &Sighting| {
            let next = AttributeId(u32::try_from(state.ids.len() + 1).unwrap_or(u32::MAX));
            let id = *state.ids.entry(name.clone()).or_insert(next);
            state
                .definitions
                .entry(id)
                .and_modify(|it| it.widest = it.widest.widen(*seen))
                .or_insert_with(|| Definition {
                    id,
                    name: name.clone(),
                    widest: *seen,
                });
            id
        };
        Ok(sightings.iter().map(&mut resolve).collect())
    }

    async fn definitions(
        &self,
        ids: &Batch<AttributeId>,
    ) -> Result<Vec<Option<Definition>>, RegistryError> {
        let state = lock(&self.0);
        Ok(ids
            .iter()
            .map(|id| state.definitions.get(id).cloned())
            .collect())
    }
}
