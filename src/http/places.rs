//! The places for connections, so many and no more.
//!
//! When all are taken, a newcomer gets the place of the connection that has kept us waiting for the longest:
//! for its first request, for the next one, for the rest of a body, or for somebody to read the answer. A
//! flood of connections that say nothing thus pushes out itself, and whoever comes with a request is served.
//! A connection whose request we are working on keeps its place, and so does one whose bytes we have not come
//! to read yet: many who ask at once are no flood.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// See the module.
#[derive(Debug)]
pub(super) struct Places {
    number: usize,
    made_room: Counter,
    free: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
}

/// The connections that we wait for, those that have kept us waiting for the longest first.
#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    in_order: BTreeMap<u64, (Instant, Arc<Notify>)>,
}

/// A connection's place. Kept by all that is done for the connection.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    leave: Arc<Notify>,
    state: Mutex<State>,
    _permit: OwnedSemaphorePermit,
}

/// Who waits for whom.
#[derive(Clone, Copy, Debug)]
enum State {
    /// What has come from it has not been read yet.
    Unread,
    /// We for the client: where it stands among those.
    Waiting(u64),
    /// The client for us.
    Working,
}

impl Places {
    pub(super) fn new(number: usize, made_room: Counter) -> Arc<Self> {
        let number = number.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            number,
            made_room,
            free: Arc::new(Semaphore::new(number)),
            waiting: Mutex::default(),
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
        Arc::new(Place {
            places: Arc::clone(self),
            leave: Arc::default(),
            state: Mutex::new(State::Unread),
            _permit: permit,
        })
    }

    /// Waits until nobody has a place any more.
    pub(super) async fn all_free(&self) {
        let all = u32::try_from(self.number).unwrap_or(u32::MAX);
        let _ = self.free.acquire_many(all).await;
    }

    fn ask_one_to_leave(&self) {
        let mut waiting = self.waiting();
        let Some(longest) = waiting.in_order.first_entry() else {
            return;
        };
        if longest.get().0.elapsed() >= GRACE {
            tracing::debug!("all places are taken: the connection that waited longest is ended");
            self.made_room.inc();
            longest.remove().1.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// From now on it is the client that we wait for.
    pub(super) fn waits(&self) {
        self.becomes(|waiting| {
            let at = waiting.next;
            waiting.next += 1;
            let leave = Arc::clone(&self.leave);
            waiting.in_order.insert(at, (Instant::now(), leave));
            State::Waiting(at)
        });
    }

    /// From now on it is the client who waits for us.
    fn works(&self) {
        self.becomes(|_| State::Working);
    }

    /// There was nothing to read.
    fn was_looked_at(&self) {
        if matches!(*self.state(), State::Unread) {
            self.waits();
        }
    }

    fn becomes(&self, next: impl FnOnce(&mut Waiting) -> State) {
        let mut state = self.state();
        let mut waiting = self.places.waiting();
        if let State::Waiting(at) = *state {
            waiting.in_order.remove(&at);
        }
        *state = next(&mut waiting);
    }

    /// Waits until the place is needed for somebody else.
    pub(super) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.works();
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
        assert!(places.waiting().in_order.is_empty());
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
