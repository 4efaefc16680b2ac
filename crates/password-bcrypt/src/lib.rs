//! Password hashes by bcrypt.
//!
//! Two are worked on at a time, on threads of their own, and sixteen may wait; more are told
//! [`HashError::Busy`], so that a storm of sign-ins slows nothing but sign-ins.

pub mod development;

use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use auth::ports::{HashError, PasswordHasher};
use auth::{NewPassword, PasswordHash};
use bcrypt::{BcryptResult, HashParts};
use kernel::{Cause, Secret};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// How many passwords are worked on at a time.
const RUNNING_MAX: usize = 2;
/// How many may wait for their turn.
const WAITING_MAX: usize = 16;
/// A stored hash may cost this much even where new ones cost less; one that costs more would keep
/// a thread for minutes, and counts as a hash that cannot be read.
const STORED_COST_MAX: u32 = 16;
/// Salt and digest of a hash that nobody has a password for.
const NOBODY: &str = ".....................................................";

/// Hashes at one cost; verifies `$2a$`, `$2b$` and `$2y$` hashes of any bearable cost.
///
/// A password that bcrypt would cut (over [`NewPassword::MAX_BYTES`] bytes) or end early (with a
/// NUL) never matches.
pub struct BcryptHasher {
    cost: u32,
    dummy: Arc<str>,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl BcryptHasher {
    /// The least cost that bcrypt has.
    pub const MIN_COST: u32 = 4;
    /// The greatest cost that bcrypt has.
    pub const MAX_COST: u32 = 31;
    /// The cost unless configured otherwise.
    pub const DEFAULT_COST: u32 = 12;

    /// A hasher whose new hashes take 2 to the power of `cost` rounds.
    ///
    /// # Errors
    ///
    /// [`CostError`] outside of [`BcryptHasher::MIN_COST`] to [`BcryptHasher::MAX_COST`].
    pub fn new(cost: u32) -> Result<Self, CostError> {
        if !(Self::MIN_COST..=Self::MAX_COST).contains(&cost) {
            return Err(CostError);
        }
        Ok(Self {
            cost,
            dummy: format!("$2b${cost:02}${NOBODY}").into(),
            admitted: Arc::new(Semaphore::new(RUNNING_MAX + WAITING_MAX)),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
        })
    }

    /// Does `work` when its turn comes. A caller that goes away leaves the work its place.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> BcryptResult<T> + Send + 'static,
    ) -> Result<T, HashError> {
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| HashError::Busy)?;
        let running = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|closed| HashError::Failed(Cause::new(closed)))?;
        spawn_blocking(move || {
            let done = work();
            drop((running, admitted));
            done
        })
        .await
        .map_err(|panic| HashError::Failed(Cause::new(panic)))?
        .map_err(|error| HashError::Failed(Cause::new(error)))
    }
}

#[async_trait]
impl PasswordHasher for BcryptHasher {
    async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, HashError> {
        let (password, cost) = (password.clone(), self.cost);
        self.in_turn(move || bcrypt::non_truncating_hash(password.secret().expose(), cost))
            .await
            .map(PasswordHash::new)
    }

    async fn verify(
        &self,
        password: &Secret<String>,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        let text = password.expose();
        let could_be_chosen = text.len() <= NewPassword::MAX_BYTES && !text.contains('\0');
        let readable = hash.filter(|hash| is_readable(hash.expose(), self.cost));
        let (password, hash, may_match) = match readable {
            Some(hash) if could_be_chosen => {
                (password.clone(), Secret::new(hash.expose().into()), true)
            }
            // The stored cost also where the password cannot match, so that it takes as long.
            Some(hash) => (nothing(), Secret::new(hash.expose().into()), false),
            None => (nothing(), Secret::new(Arc::clone(&self.dummy)), false),
        };
        self.in_turn(move || bcrypt::non_truncating_verify(password.expose(), hash.expose()))
            .await
            .map(|matches| matches && may_match)
    }
}

fn nothing() -> Secret<String> {
    Secret::new(String::new())
}

fn is_readable(hash: &str, own_cost: u32) -> bool {
    let known_form = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .any(|it| hash.starts_with(it));
    known_form
        && hash.len() == 60
        && hash.is_ascii()
        && HashParts::from_str(hash).is_ok_and(|parts| {
            (BcryptHasher::MIN_COST..=own_cost.max(STORED_COST_MAX)).contains(&parts.get_cost())
        })
}

/// The cost is none that bcrypt has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cost of a password hash lies between 4 and 31")]
pub struct CostError;
