//! One question for all who want to know the same thing as it is now.
//!
//! Who comes while a question is under way cannot have its answer, which may be older than the wish
//! to know. So those wait for the next one, which one of them asks for all.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::task::yield_now;

/// Threads ask apart, since waking another one takes longer than another question. Those that
/// come later share.
const THREADS: usize = 16;

/// Questions after the same thing.
pub(crate) struct Rounds<T>([Mutex<Round<T>>; THREADS]);

struct Round<T> {
    /// Somebody asks, or was told to.
    under_way: bool,
    waiting: VecDeque<oneshot::Sender<Told<T>>>,
}

/// What somebody who waits is told.
enum Told<T> {
    /// The answer.
    Answer(T),
    /// To ask.
    Ask,
}

impl<T: Clone> Rounds<T> {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| {
            Mutex::new(Round {
                under_way: false,
                waiting: VecDeque::new(),
            })
        }))
    }

    /// The answer to a question that was asked after this call began, by this caller or another.
    pub(crate) async fn ask(&self, question: impl Future<Output = T>) -> T {
        let round = &self.0[place_of_this_thread()];
        if let Some(follower) = join(round)
            && let Told::Answer(answer) = follower.await
        {
            return answer;
        }
        let mut asker = Asker {
            round,
            followers: VecDeque::new(),
        };
        // Whoever else of this thread is about to want to know comes now.
        yield_now().await;
        // They came before the question, so its answer is for them.
        asker.followers = std::mem::take(&mut lock(round).waiting);
        let answer = question.await;
        for follower in asker.followers.drain(..) {
            // Who has gone needs no answer.
            let _ = follower.send(Told::Answer(answer.clone()));
        }
        answer
    }
}

/// A place among those who wait; none where nobody asks, so that the caller has to.
fn join<T>(round: &Mutex<Round<T>>) -> Option<Follower<'_, T>> {
    let mut now = lock(round);
    if !now.under_way {
        now.under_way = true;
        return None;
    }
    let (sender, told) = oneshot::channel();
    now.waiting.push_back(sender);
    Some(Follower { round, told })
}

/// Lets somebody else ask.
fn pass_on<T>(mut round: MutexGuard<'_, Round<T>>) {
    while let Some(next) = round.waiting.pop_front() {
        if next.send(Told::Ask).is_ok() {
            return;
        }
    }
    round.under_way = false;
}

/// Who asks. When it is done, or gives up, the next one does.
struct Asker<'a, T> {
    round: &'a Mutex<Round<T>>,
    /// Those who have no answer yet.
    followers: VecDeque<oneshot::Sender<Told<T>>>,
}

impl<T> Drop for Asker<'_, T> {
    fn drop(&mut self) {
        let mut round = lock(self.round);
        while let Some(follower) = self.followers.pop_back() {
            round.waiting.push_front(follower);
        }
        pass_on(round);
    }
}

/// Who waits. One that is told to ask and has gone passes that on.
struct Follower<'a, T> {
    round: &'a Mutex<Round<T>>,
    told: oneshot::Receiver<Told<T>>,
}

impl<T> Future for Follower<'_, T> {
    type Output = Told<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Told<T>> {
        // A sender is used or kept, never dropped before its follower.
        let told = Pin::new(&mut self.told).poll(context);
        told.map(|it| it.unwrap_or(Told::Ask))
    }
}

impl<T> Drop for Follower<'_, T> {
    fn drop(&mut self) {
        self.told.close();
        if let Ok(Told::Ask) = self.told.try_recv() {
            pass_on(lock(self.round));
        }
    }
}

fn lock<T>(round: &Mutex<Round<T>>) -> MutexGuard<'_, Round<T>> {
    round.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place_of_this_thread() -> usize {
    static THREADS_SO_FAR: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: usize = THREADS_SO_FAR.fetch_add(1, Ordering::Relaxed) % THREADS;
    }
    PLACE.with(|it| *it)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::Notify;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    /// A thing that changes, and how often it was asked after.
    #[derive(Default)]
    struct Thing {
        value: AtomicUsize,
        asked: AtomicUsize,
        go: Notify,
    }

    struct World {
        rounds: Arc<Rounds<usize>>,
        thing: Arc<Thing>,
    }

    impl World {
        fn new() -> Self {
            Self {
                rounds: Arc::new(Rounds::new()),
                thing: Arc::default(),
            }
        }

        /// Asks, and waits in the middle until the thing lets one go.
        async fn ask(&self) -> JoinHandle<usize> {
            let (rounds, thing) = (Arc::clone(&self.rounds), Arc::clone(&self.thing));
            let asking = tokio::spawn(async move {
                let question = async {
                    thing.asked.fetch_add(1, Ordering::Relaxed);
                    let value = thing.value.load(Ordering::Relaxed);
                    thing.go.notified().await;
                    value
                };
                rounds.ask(question).await
            });
            // The task runs until it waits.
            for _ in 0..3 {
                yield_now().await;
            }
            asking
        }

        async fn ends(&self, asking: JoinHandle<usize>) -> Option<usize> {
            self.thing.go.notify_one();
            timeout(Duration::from_secs(10), asking).await.ok()?.ok()
        }
    }

    #[tokio::test]
    async fn who_comes_during_a_question_gets_the_answer_to_the_next_one_with_all_others() {
        let world = World::new();
        let first = world.ask().await;
        world.thing.value.store(1, Ordering::Relaxed);
        let later = [world.ask().await, world.ask().await, world.ask().await];

        assert_eq!(world.ends(first).await, Some(0));
        for asking in later {
            assert_eq!(world.ends(asking).await, Some(1));
        }
        assert_eq!(world.thing.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn one_that_gives_up_holds_nobody_back() {
        let world = World::new();
        for gives_up in 0..3 {
            let mut asking = Vec::new();
            for _ in 0..4 {
                asking.push(world.ask().await);
            }
            // The one that asks, the one that is told to ask next, and one that waits.
            asking.remove(gives_up).abort();
            for it in asking {
                assert!(world.ends(it).await.is_some(), "{gives_up}");
            }
        }
    }

    #[tokio::test]
    async fn one_that_gives_up_after_it_was_told_to_ask_passes_that_on() {
        let world = World::new();
        let [first, second, third] = [world.ask().await, world.ask().await, world.ask().await];
        world.thing.go.notify_one();
        assert_eq!(first.await.ok(), Some(0));
        // It was told and has not run since.
        second.abort();

        assert_eq!(world.ends(third).await, Some(0));
    }
}
