//! Threads for work that waits for the network: one for each host, not for each processor.

use rayon::prelude::*;

/// A pool for so many hosts, of which `forks` are worked on at a time.
pub(super) fn pool(hosts: usize, forks: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(forks.clamp(1, hosts.max(1))).build().expect("the system can start a few threads")
}

/// What `work` makes of each of the `items`, in their order. At most `forks` are worked on at a time, and no less while there are
/// as many: none of them waits behind another in the same thread.
pub fn side_by_side<T: Sync, R: Send>(items: &[T], forks: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    pool(items.len(), forks).install(|| items.par_iter().with_max_len(1).map(&work).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use super::*;

    /// How many of 23 items were at work at once, each of which waits until `wanted` of them are.
    fn at_once(forks: usize, wanted: usize) -> (Vec<usize>, usize) {
        let (state, changed) = (Mutex::new((0, 0)), Condvar::new());
        let items: Vec<usize> = (0..23).collect();
        let results = side_by_side(&items, forks, |item| {
            let mut at_work = state.lock().expect("nobody panics");
            at_work.0 += 1;
            at_work.1 = at_work.1.max(at_work.0);
            changed.notify_all();
            let (mut at_work, _) =
                changed.wait_timeout_while(at_work, Duration::from_secs(20), |(_, most)| *most < wanted).expect("nobody panics");
            at_work.0 -= 1;
            item * 2
        });
        (results, state.into_inner().expect("nobody panics").1)
    }

    #[test]
    fn as_many_as_allowed_are_at_work_and_the_results_keep_their_order() {
        let doubled: Vec<usize> = (0..23).map(|item| item * 2).collect();
        assert_eq!(at_once(50, 23), (doubled.clone(), 23));
        assert_eq!(at_once(7, 7), (doubled.clone(), 7));
        assert_eq!(at_once(1, 1), (doubled, 1));
        assert_eq!(side_by_side(&[] as &[u8], 5, |item| *item), Vec::<u8>::new());
    }
}
