//! Bounded, non-empty lists.

use std::ops::Deref;

/// Between one and [`Batch::MAX_LEN`] items, in the order the caller gave them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<T>(Vec<T>);

impl<T> Batch<T> {
    /// The most items one port call takes, and so one transaction writes.
    pub const MAX_LEN: usize = 1_000;

    /// Takes `items` as they are.
    ///
    /// # Errors
    ///
    /// [`BatchSizeError`] when there are none, or more than [`Batch::MAX_LEN`].
    pub fn new(items: Vec<T>) -> Result<Self, BatchSizeError> {
        match items.len() {
            0 => Err(BatchSizeError::Empty),
            len if len > Self::MAX_LEN => Err(BatchSizeError::TooLong),
            _ => Ok(Self(items)),
        }
    }

    /// A batch of one.
    pub fn one(item: T) -> Self {
        Self(vec![item])
    }

    /// Cuts a list of any length into batches of at most [`Batch::MAX_LEN`]; none for an empty list.
    pub fn split(mut items: Vec<T>) -> Vec<Self> {
        let mut batches = Vec::with_capacity(items.len().div_ceil(Self::MAX_LEN));
        while items.len() > Self::MAX_LEN {
            let rest = items.split_off(Self::MAX_LEN);
            batches.push(Self(items));
            items = rest;
        }
        if !items.is_empty() {
            batches.push(Self(items));
        }
        batches
    }

    /// The items, given back.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T> Deref for Batch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// Why a list is no [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchSizeError {
    /// There was nothing in it.
    #[error("a batch needs at least one item")]
    Empty,
    /// There were more than [`Batch::MAX_LEN`] items.
    #[error("a batch takes at most 1000 items")]
    TooLong,
}
