//! The places for connections, so many and no more.
//!
//! When all are taken, a newcomer gets the place of the connection that has kept us waiting for the longest:
//! for its first request, for the next one, for the rest of a body, or for somebody to read the answer. A
//! flood of connections that say nothing thus pushes out itself, and whoever comes with a request is served.
//! A connection whose request we are working on keeps its place, and so does one whose bytes we have not come
//! to read yet: many who ask at once are no flood.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::metrics::Counter;

/// How long a connection may keep us waiting whatever happens: a request takes its time on the way here.
const GRACE: Duration = Duration::from_millis(250);
/// While no connection can be ended: how long until it is looked again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// See the module. Connections are listed when they come and go; a request only writes a number.
#[derive(Debug)]
pub(super) struct Places {
    number: usize,
    made_room: Counter,
    free: Arc<Semaphore>,
    opened: Instant,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    places: HashMap<u64, Weak<Place>>,
}

/// A connection's place. Kept by all that is done for the connection.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    leave: Notify,
    /// Who waits for whom: [`UNREAD`], [`WORKING`], or since when we wait for the client, in microseconds
    /// after the listener began.
    state: AtomicU64,
    _permit: OwnedSemaphorePermit,
}

/// What has come from the client has not been read yet.
const UNREAD: u64 = u64::MAX;
/// The client waits for us, or has been asked to leave.
const WORKING: u64 = u64::MAX - 1;

impl Places {
    pub(super) fn new(number: usize, made_room: Counter) -> Arc<Self> {
        let number = number.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            number,
            made_room,
            free: Arc::new(Semaphore::new(number)),
            opened: Instant::now(),
            taken: Mutex::default(),
        })
    }

    /// A place for a new connection: a free one, or that of the one which has kept us waiting for longest.
    pub(super) async fn take(self: &Arc<Self>) -> Arc<Place> {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                break permit;
            }
            self.ask_one_to_leave();
            let freed = Arc::clone(&self.free).acquire_owned();
            if let Ok(Ok(permit)) = tokio::time::timeout(LOOK_AGAIN, freed).await {
                break permit;
            }
        };
        let mut taken = self.taken();
        let number = taken.next;
        taken.next += 1;
        let place = Arc::new(Place {
            places: Arc::clone(self),
            number,
            leave: Notify::new(),
            state: AtomicU64::new(UNREAD),
            _permit: permit,
        });
        taken.places.insert(number, Arc::downgrade(&place));
        place
    }

    /// Waits until nobody has a place any more.
    pub(super) async fn all_free(&self) {
        let all = u32::try_from(self.number).unwrap_or(u32::MAX);
        let _ = self.free.acquire_many(all).await;
    }

    fn ask_one_to_leave(&self) {
        let now = self.now();
        let grace = u64::try_from(GRACE.as_micros()).unwrap_or(u64::MAX);
        // Taken off the list first: whoever is dropped last here takes it again.
        let all: Vec<_> = {
            let taken = self.taken();
            taken.places.values().filter_map(Weak::upgrade).collect()
        };
        let longest = all
            .into_iter()
            .map(|place| (place.state.load(Ordering::Acquire), place))
            .filter(|(since, _)| *since < WORKING)
            .min_by_key(|(since, _)| *since);
        let Some((since, place)) = longest else {
            return;
        };
        let still = || {
            let (relaxed, taken) = (Ordering::Relaxed, Ordering::AcqRel);
            place.state.compare_exchange(since, WORKING, taken, relaxed)
        };
        if now.saturating_sub(since) >= grace && still().is_ok() {
            tracing::debug!("all places are taken: the connection that waited longest is ended");
            self.made_room.inc();
            place.leave.notify_one();
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(WORKING - 1)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// From now on it is the client that we wait for.
    pub(super) fn waits(&self) {
        self.state.store(self.places.now(), Ordering::Release);
    }

    /// From now on it is the client who waits for us.
    fn works(&self) {
        self.state.store(WORKING, Ordering::Release);
    }

    /// There was nothing to read.
    fn was_looked_at(&self) {
        if self.state.load(Ordering::Relaxed) == UNREAD {
            let (now, relaxed) = (self.places.now(), Ordering::Relaxed);
            // whoever has begun to work meanwhile goes on
            let _ = self
                .state
                .compare_exchange(UNREAD, now, Ordering::Release, relaxed);
        }
    }

    /// Waits until the place is needed for somebody else.
    pub(super) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().places.remove(&self.number);
    }
}

/// A connection's bytes: once there is nothing to read, it is the client that we wait for.
#[derive(Debug)]
pub(super) struct Seated<IO> {
    io: IO,
    place: Arc<Place>,
}

impl<IO> Seated<IO> {
    pub(super) fn new(io: IO, place: Arc<Place>) -> Self {
        Self { io, place }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Seated<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if read.is_pending() {
            self.place.was_looked_at();
        }
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Seated<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// A request's body: once it has come to its end, it is the client who waits for us.
#[derive(Debug)]
pub(super) struct Arriving {
    body: Incoming,
    place: Arc<Place>,
}

impl Arriving {
    pub(super) fn new(body: Incoming, place: Arc<Place>) -> Self {
        let arriving = Self { body, place };
        arriving.look();
        arriving
    }

    fn look(&self) {
        if self.body.is_end_stream() {
            self.place.works();
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match frame {
            None => self.place.works(),
            Some(_) => self.look(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::DoorCounts;

    fn newcomer(places: &Arc<Places>) -> tokio::task::JoinHandle<Arc<Place>> {
        let places = Arc::clone(places);
        tokio::spawn(async move { places.take().await })
    }

    /// Whether it is not asked to leave for a long time.
    async fn stays(place: &Place) -> bool {
        let asked = tokio::time::timeout(10 * GRACE, place.asked_to_leave());
        asked.await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_kept_us_waiting_longest_makes_room() {
        let places = Places::new(3, DoorCounts::default().connections);
        let (first, second, third) = (
            places.take().await,
            places.take().await,
            places.take().await,
        );
        for place in [&first, &second, &third] {
            place.was_looked_at();
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        first.waits();
        third.works();
        let begun = Instant::now();
        let newcomer = newcomer(&places);
        second.asked_to_leave().await;
        assert!(begun.elapsed() >= GRACE, "its request may be on the way");
        drop(second);
        let newcomer = newcomer.await.unwrap();
        assert_eq!(places.made_room.get(), 1);
        assert!(stays(&first).await && stays(&third).await);
        drop((first, third, newcomer));
        places.all_free().await;
        assert!(places.taken().places.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_sent_away_while_we_work_for_them_or_have_not_read_what_they_sent() {
        let places = Places::new(1, DoorCounts::default().connections);
        let place = places.take().await;
        let newcomer = newcomer(&places);
        assert!(stays(&place).await, "nothing was read yet");
        place.works();
        place.was_looked_at();
        assert!(stays(&place).await, "it was being worked for");
        place.waits();
        place.asked_to_leave().await;
        drop(place);
        newcomer.await.unwrap();
    }
}
