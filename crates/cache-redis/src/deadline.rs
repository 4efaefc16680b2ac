//! Time limits that wake nobody.
//!
//! A timer that is due before all others of its runtime wakes the thread that drives them: a system
//! call and a turn for nothing where that thread is the one that sets it, as it is with each
//! question of a thread with a runtime of its own. A timer that is moved to a later time is not
//! looked at before it was due first. So such a thread keeps its timers, and moves them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

/// The most timers that a thread keeps: questions that are under way at once need one each.
const KEPT_MAX: usize = 16;

thread_local! {
    static KEPT: RefCell<Vec<Timer>> = const { RefCell::new(Vec::new()) };
}

/// A timer, and the runtime that drives it.
struct Timer {
    runtime: Id,
    sleep: Pin<Box<Sleep>>,
}

/// What `work` comes to by then; none when it takes longer.
pub(crate) async fn by<F: Future>(until: Instant, work: F) -> Option<F::Output> {
    let runtime = Handle::current();
    if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
        return timeout_at(until, work).await.ok();
    }
    let mut timer = Lent::take(runtime.id(), until);
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        match &mut timer.0 {
            Some(timer) => timer.sleep.as_mut().poll(context).map(|()| None),
            None => Poll::Ready(None),
        }
    })
    .await
}

/// A timer in use; its thread has it back when this is dropped.
struct Lent(Option<Timer>);

impl Lent {
    fn take(runtime: Id, until: Instant) -> Self {
        let kept = KEPT.with_borrow_mut(|kept| {
            kept.retain(|it| it.runtime == runtime);
            kept.pop()
        });
        let mut timer = kept.unwrap_or_else(|| Timer {
            runtime,
            sleep: Box::pin(sleep_until(until)),
        });
        timer.sleep.as_mut().reset(until);
        Self(Some(timer))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(timer) = self.0.take() else { return };
        // A thread that ends has nowhere to keep it.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < KEPT_MAX {
                kept.push(timer);
            }
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const SHORT: Duration = Duration::from_millis(10);
    const LONG: Duration = Duration::from_secs(10);

    fn kept() -> usize {
        KEPT.with_borrow(Vec::len)
    }

    #[tokio::test(start_paused = true)]
    async fn each_work_has_its_own_limit_whatever_the_timer_was_used_for_before() {
        let start = Instant::now();
        assert_eq!(by(start + LONG, ready(1)).await, Some(1));
        for limit in [SHORT, LONG, SHORT] {
            let began = Instant::now();
            assert_eq!(by(began + limit, pending::<()>()).await, None);
            assert_eq!(began.elapsed(), limit);
        }
        let began = Instant::now();
        assert_eq!(by(began + SHORT, ready(2)).await, Some(2));
        assert_eq!(by(began + LONG, sleep(SHORT * 3)).await, Some(()));
        assert_eq!(began.elapsed(), SHORT * 3);
        assert_eq!(kept(), 1, "one after the other they use the same");
    }

    #[tokio::test(start_paused = true)]
    async fn works_under_way_at_once_have_a_timer_each_of_which_some_are_kept() {
        let start = Instant::now();
        let work = |it| async move {
            assert_eq!(by(start + SHORT * it, pending::<()>()).await, None);
            start.elapsed()
        };
        let several = (1..).take(2 * KEPT_MAX);
        let ended = join_all(several.clone().map(work)).await;
        assert!(ended.into_iter().eq(several.map(|it| SHORT * it)));
        assert_eq!(kept(), KEPT_MAX);
    }

    #[test]
    fn a_timer_is_not_used_by_another_runtime() {
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build();
            let late = runtime.unwrap().block_on(async {
                by(Instant::now() + Duration::from_millis(1), pending::<()>()).await
            });
            assert_eq!(late, None);
            assert_eq!(kept(), 1);
        }
    }
}
