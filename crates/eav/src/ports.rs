//! What attributes need of the world.

use async_trait::async_trait;
use kernel::{Batch, Cause};

use crate::{AttributeId, Definition, Sighting};

/// The one list of attribute names, their ids and their widest types.
///
/// One call is one transaction. `Err` promises nothing: the same call may be made again and gets
/// the answer it would have got.
#[async_trait]
pub trait AttributeRegistry: Send + Sync + 'static {
    /// The ids of these names, giving ids to new ones and widening types where a sighting asks for it.
    ///
    /// Answers align with `sightings` by position. A name has one id for ever, whoever asks first,
    /// also when several callers meet it at once.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; the call may be made again.
    async fn resolve(&self, sightings: &Batch<Sighting>)
    -> Result<Vec<AttributeId>, RegistryError>;

    /// The definitions behind these ids, aligned by position; `None` for an id that was never given.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; the call may be made again.
    async fn definitions(
        &self,
        ids: &Batch<AttributeId>,
    ) -> Result<Vec<Option<Definition>>, RegistryError>;
}

/// The registry could not answer; the call may be made again.
#[derive(Debug, thiserror::Error)]
#[error("attribute registry unavailable")]
pub struct RegistryError(#[source] pub Cause);
