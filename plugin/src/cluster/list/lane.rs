//! Lists that run side by side and are read one after the other, in little memory.
//!
//! An archive takes kinds in order, while a server answers fastest when several are asked for at once. Each kind
//! has a lane. All lanes share a budget of bytes: a list that runs ahead of its turn pauses when the budget is
//! used up. The list whose turn it is then pauses only while pages of its own wait to be read, so there is always one
//! that makes progress.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Notify, mpsc};

use super::{ListFailure, ListItem};

/// The part of the budget, one in this many, that the list whose turn it is may add to a budget used up by others.
const SHARE_IN_TURN: usize = 4;

/// Bytes that one object takes beside its JSON, roughly.
const OVERHEAD: usize = 1024;

#[derive(Debug)]
struct Shared {
    limit: usize,
    buffered: AtomicUsize,
    /// What of it each lane holds.
    held: Vec<AtomicUsize>,
    turn: AtomicUsize,
    changed: Notify,
}

impl Shared {
    fn count_in(&self, lane: usize, bytes: usize) {
        self.buffered.fetch_add(bytes, Ordering::SeqCst);
        self.held[lane].fetch_add(bytes, Ordering::SeqCst);
    }

    fn count_out(&self, lane: usize, bytes: usize) {
        self.held[lane].fetch_sub(bytes, Ordering::SeqCst);
        self.buffered.fetch_sub(bytes, Ordering::SeqCst);
    }

    fn has_room_for(&self, lane: usize) -> bool {
        let is_its_turn = self.turn.load(Ordering::SeqCst) == lane;
        let held = self.held[lane].load(Ordering::SeqCst);
        self.buffered.load(Ordering::SeqCst) <= self.limit
            || (is_its_turn && held <= self.limit / SHARE_IN_TURN)
    }
}

/// Where a list puts its pages.
#[derive(Debug)]
pub struct PageSender {
    index: usize,
    shared: Arc<Shared>,
    pages: mpsc::UnboundedSender<Vec<ListItem>>,
    has_sent: bool,
}

/// Nobody reads any more.
#[derive(Debug)]
pub(super) struct Stopped;

/// The reading end of all lanes.
#[derive(Debug)]
pub struct Lanes {
    shared: Arc<Shared>,
    pages: Vec<mpsc::UnboundedReceiver<Vec<ListItem>>>,
}

impl Lanes {
    /// `count` lanes that together hold about `limit` bytes.
    pub fn new(count: usize, limit: usize) -> (Vec<PageSender>, Self) {
        let shared = Arc::new(Shared {
            limit,
            buffered: AtomicUsize::new(0),
            held: (0..count).map(|_| AtomicUsize::new(0)).collect(),
            turn: AtomicUsize::new(0),
            changed: Notify::new(),
        });
        let (senders, pages) = (0..count)
            .map(|index| {
                let (sender, receiver) = mpsc::unbounded_channel();
                (PageSender { index, shared: Arc::clone(&shared), pages: sender, has_sent: false }, receiver)
            })
            .unzip();
        (senders, Self { shared, pages })
    }

    /// The next page of a lane, whose turn it is from now on; None when its list has ended.
    pub async fn next_page(&mut self, lane: usize) -> Option<Vec<ListItem>> {
        self.shared.turn.store(lane, Ordering::SeqCst);
        self.shared.changed.notify_waiters();
        let page = self.pages.get_mut(lane)?.recv().await?;
        self.shared.count_out(lane, size(&page));
        self.shared.changed.notify_waiters();
        Some(page)
    }
}

impl PageSender {
    /// Whether any page went through.
    pub fn has_sent(&self) -> bool {
        self.has_sent
    }

    /// Passes on objects that were read in another way than by a list.
    pub async fn pass_on(&mut self, page: Vec<ListItem>) -> Result<(), ListFailure> {
        self.send(page).await.map_err(|Stopped| ListFailure::Stopped)
    }

    /// Passes a page on, then waits until there is room for another.
    pub(super) async fn send(&mut self, page: Vec<ListItem>) -> Result<(), Stopped> {
        self.has_sent = true;
        self.shared.count_in(self.index, size(&page));
        self.pages.send(page).map_err(|_| Stopped)?;
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, or a change between the two would be missed.
            changed.as_mut().enable();
            if self.shared.has_room_for(self.index) {
                return Ok(());
            }
            tokio::select! {
                () = changed => {}
                () = self.pages.closed() => return Err(Stopped),
            }
        }
    }
}

fn size(page: &[ListItem]) -> usize {
    page.iter().map(|item| item.json.len() + OVERHEAD).sum()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt;

    use crate::model::facts::ObjectFacts;

    use super::*;

    fn page(bytes: usize) -> Vec<ListItem> {
        vec![ListItem { facts: ObjectFacts::default(), json: Bytes::from(vec![b' '; bytes]) }]
    }

    #[tokio::test]
    async fn a_list_ahead_of_its_turn_pauses_and_the_one_in_turn_goes_on() {
        let (mut senders, mut lanes) = Lanes::new(2, 10_000);
        let mut second = senders.pop().unwrap();
        let mut first = senders.pop().unwrap();
        second.send(page(5_000)).await.unwrap();
        let paused = second.send(page(5_000));
        tokio::pin!(paused);
        assert!(paused.as_mut().now_or_never().is_none());
        first.send(page(1_000)).await.unwrap();
        drop(first);
        assert!(lanes.next_page(0).await.is_some());
        assert!(lanes.next_page(0).await.is_none());
        assert!(paused.as_mut().now_or_never().is_none());
        assert!(lanes.next_page(1).await.is_some());
        paused.await.unwrap();
    }

    #[tokio::test]
    async fn the_list_in_turn_pauses_while_its_own_pages_wait() {
        let (mut senders, mut lanes) = Lanes::new(1, 10_000);
        let mut list = senders.pop().unwrap();
        let paused = list.send(page(50_000));
        tokio::pin!(paused);
        assert!(paused.as_mut().now_or_never().is_none());
        assert!(lanes.next_page(0).await.is_some());
        paused.await.unwrap();
    }

    #[tokio::test]
    async fn a_paused_list_stops_when_nobody_reads_any_more() {
        let (mut senders, lanes) = Lanes::new(1, 10);
        let mut list = senders.pop().unwrap();
        let paused = list.send(page(50));
        tokio::pin!(paused);
        assert!(paused.as_mut().now_or_never().is_none());
        drop(lanes);
        assert!(paused.await.is_err());
    }

    #[tokio::test]
    async fn a_list_stops_when_nobody_reads() {
        let (mut senders, lanes) = Lanes::new(1, 10);
        drop(lanes);
        assert!(senders.pop().unwrap().send(page(1)).await.is_err());
    }
}
