//! Appends that bring only notes. A transaction of their own costs about as much as one with a
//! full batch of leads, so each waits for whichever append begins next and is taken along. Where
//! none begins, one of them does, and one at a time.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lead::BatchNote;
use tokio::sync::oneshot;

/// Riders that wait at once; further ones go alone.
const SEATS_MAX: usize = 64;

/// Where riders wait.
#[derive(Default)]
pub(crate) struct Riders {
    board: Mutex<Board>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Board {
    next: u64,
    waiting: Vec<Rider>,
}

/// The notes of one append, on their way into a transaction of another.
pub(crate) struct Rider {
    number: u64,
    notes: Arc<[BatchNote]>,
    done: oneshot::Sender<()>,
}

/// The place of an append that waits; giving it up takes the rider off the board.
pub(crate) struct Seat<'a> {
    riders: &'a Riders,
    number: u64,
    done: oneshot::Receiver<()>,
}

impl Riders {
    /// A seat for these notes, while there is one.
    pub(crate) fn sit(&self, notes: Arc<[BatchNote]>) -> Option<Seat<'_>> {
        let mut board = self.board();
        if board.waiting.len() >= SEATS_MAX {
            return None;
        }
        let number = board.next;
        board.next += 1;
        let (sender, done) = oneshot::channel();
        board.waiting.push(Rider {
            number,
            notes,
            done: sender,
        });
        Some(Seat {
            riders: self,
            number,
            done,
        })
    }

    /// Waits until no other append is under way that carries riders and nothing else: what comes
    /// meanwhile goes together afterwards.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// All who wait.
    pub(crate) fn board_all(&self) -> Vec<Rider> {
        mem::take(&mut self.board().waiting)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rider {
    pub(crate) fn notes(&self) -> &[BatchNote] {
        &self.notes
    }

    /// Its notes are committed.
    pub(crate) fn arrived(self) {
        // Whoever sent them may have stopped waiting.
        let _ = self.done.send(());
    }
}

impl Seat<'_> {
    /// Whether nobody has taken the rider along yet.
    pub(crate) fn is_waiting(&self) -> bool {
        let board = self.riders.board();
        board.waiting.iter().any(|it| it.number == self.number)
    }

    /// Whether the notes were committed by another; `false` as well where nobody took them.
    pub(crate) async fn arrives(mut self) -> bool {
        if self.leave() {
            return false;
        }
        (&mut self.done).await.is_ok()
    }

    /// Takes the rider off the board, if it is still there.
    fn leave(&self) -> bool {
        let waiting = &mut self.riders.board().waiting;
        let len_before = waiting.len();
        waiting.retain(|it| it.number != self.number);
        waiting.len() < len_before
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Arc<[BatchNote]> {
        Arc::from(Vec::new())
    }

    #[tokio::test]
    async fn a_rider_hears_that_it_arrived_or_that_it_was_set_down() {
        let riders = Riders::default();
        let (Some(one), Some(other), Some(left)) = (
            riders.sit(nothing()),
            riders.sit(nothing()),
            riders.sit(nothing()),
        ) else {
            panic!("an empty board has three seats");
        };
        let mut taken = riders.board_all();
        taken.swap_remove(0).arrived();
        taken.retain(|it| it.number != other.number);
        assert!(one.arrives().await);
        assert!(!other.arrives().await);
        assert_eq!(taken.len(), 1);
        drop(taken);
        assert!(!left.arrives().await);
    }

    #[tokio::test]
    async fn seats_are_few_and_free_again_once_left() {
        let riders = Riders::default();
        let mut seats: Vec<_> = (0..SEATS_MAX)
            .map_while(|_| riders.sit(nothing()))
            .collect();
        assert_eq!(seats.len(), SEATS_MAX);
        assert!(riders.sit(nothing()).is_none());
        seats.truncate(SEATS_MAX - 1);
        seats.extend(riders.sit(nothing()));
        assert_eq!(seats.len(), SEATS_MAX);
        drop(seats);
        assert!(riders.board_all().is_empty());
    }
}
