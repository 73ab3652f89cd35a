//! The component link (XEP-0114): kept up as long as the program runs, and watched.
//!
//! It carries stanzas and knows requests from answers; what they mean is for the [`Inbox`].

mod connect;
mod pending;
mod session;
mod state;

pub use state::{Down, LinkState};

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jid::Jid;
use minidom::Element;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use crate::accounts::Unavailable;
use crate::config::Component;
use crate::secrets::{Random, random_text};
use crate::xmpp::counts::Counts;
use crate::xmpp::iq::{self, Answer, Kind, Request};
use pending::Pending;
use state::Backoff;

/// A link that lasted this long was a good one: the next try comes at once.
const GOOD: Duration = Duration::from_secs(5);

/// Who takes what comes over the link.
#[async_trait]
pub(crate) trait Inbox: Send + Sync {
    /// The link has come up.
    fn linked(&self);

    /// Takes a request, without waiting; it is answered over the same connection.
    fn take(&self, request: Request, connection: &Arc<Connection>);

    /// Whether the answers to `from` go before the others.
    fn is_trusted(&self, from: &Jid) -> bool;

    /// Waits until all that was taken has been answered.
    async fn idle(&self);
}

/// One connection: where answers and questions go, for as long as it lasts.
#[derive(Debug)]
pub(crate) struct Connection {
    ours: Jid,
    /// Who is asked whether the server is still there.
    host: Jid,
    /// Our questions, and answers to the hosts.
    urgent: mpsc::Sender<Element>,
    /// Answers to everybody else.
    ordinary: mpsc::Sender<Element>,
    pending: Arc<Pending>,
    counts: Arc<Counts>,
}

impl Connection {
    /// Answers a host's request; waits while the server does not read.
    pub(crate) async fn answer_host(&self, to: Jid, id: String, answer: Answer) {
        let stanza = iq::answer(&self.ours, to, id, answer);
        // If the connection is gone, so is who asked.
        let _ = self.urgent.send(stanza).await;
    }

    /// Answers anybody. If the server does not read, the answer is dropped: whoever floods us does
    /// not fill our memory.
    pub(crate) fn answer(&self, trusted: bool, to: Jid, id: String, answer: Answer) {
        let queue = if trusted {
            &self.urgent
        } else {
            &self.ordinary
        };
        let stanza = iq::answer(&self.ours, to, id, answer);
        if let Err(mpsc::error::TrySendError::Full(_)) = queue.try_send(stanza) {
            self.counts.answers_waiting.inc();
            debug!("an answer was dropped: the XMPP server does not read");
        }
    }

    fn close(&self) {
        self.pending.close();
    }
}

/// The other end of a [`Connection`]'s queues.
struct Outgoing {
    urgent: mpsc::Receiver<Element>,
    ordinary: mpsc::Receiver<Element>,
}

/// The link.
#[derive(Debug)]
pub(crate) struct Link {
    settings: Component,
    ours: Jid,
    host: Jid,
    random: Arc<dyn Random>,
    state: watch::Sender<LinkState>,
    current: Mutex<Option<Arc<Connection>>>,
    counts: Arc<Counts>,
}

impl Link {
    /// A link that is down until it is run. `host` is one of the server's, to be pinged.
    pub(crate) fn new(
        settings: Component,
        host: Jid,
        random: Arc<dyn Random>,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            host,
            ours: Jid::from(settings.jid.clone()),
            settings,
            random,
            state: watch::Sender::new(LinkState::Connecting),
            current: Mutex::new(None),
            counts,
        }
    }

    /// Whether it is up, now and later.
    pub(crate) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    /// Keeps the link up until `shutdown` comes about.
    pub(crate) async fn run(&self, inbox: &dyn Inbox, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut backoff = Backoff::default();
        loop {
            let opened = tokio::select! {
                opened = connect::connect(&self.settings) => opened,
                () = &mut shutdown => Err(Down::Stopped),
            };
            let cause = match opened {
                Ok(open) => {
                    let since = Instant::now();
                    let cause = self.hold(open, inbox, shutdown.as_mut()).await;
                    if since.elapsed() >= GOOD {
                        backoff.reset();
                    }
                    cause
                }
                Err(cause) => cause,
            };
            if cause == Down::Stopped {
                info!("the link is closed");
                self.state.send_replace(LinkState::Down(cause));
                return;
            }
            let wait = backoff.next(&cause, &*self.random);
            self.lost(&cause);
            tokio::select! {
                () = sleep(wait) => {}
                () = &mut shutdown => {
                    self.state.send_replace(LinkState::Down(Down::Stopped));
                    return;
                }
            }
        }
    }

    /// Uses an open link as long as it lasts.
    async fn hold(
        &self,
        open: connect::Open,
        inbox: &dyn Inbox,
        shutdown: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Down {
        let (urgent, urgent_queue) = mpsc::channel(1024);
        let (ordinary, ordinary_queue) = mpsc::channel(4096);
        let connection = Arc::new(Connection {
            ours: self.ours.clone(),
            host: self.host.clone(),
            urgent,
            ordinary,
            pending: Arc::new(Pending::new()),
            counts: Arc::clone(&self.counts),
        });
        let outgoing = Outgoing {
            urgent: urgent_queue,
            ordinary: ordinary_queue,
        };
        self.set_current(Some(Arc::clone(&connection)));
        info!(component = %self.ours, server = self.settings.server, "the link is up");
        inbox.linked();
        self.state.send_replace(LinkState::Up);
        let cause = session::run(open, outgoing, &connection, inbox, shutdown).await;
        self.set_current(None);
        self.counts.link_losses.inc();
        connection.close();
        cause
    }

    /// Says once what happened, and what to do.
    fn lost(&self, cause: &Down) {
        let news = self.state.send_if_modified(|state| {
            let next = LinkState::Down(cause.clone());
            let news = *state != next;
            *state = next;
            news
        });
        if news {
            warn!(component = %self.ours, server = self.settings.server, "the link is down: {cause}");
        } else {
            debug!("the link is still down: {cause}");
        }
    }

    fn set_current(&self, connection: Option<Arc<Connection>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    fn current(&self) -> Option<Arc<Connection>> {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends a stanza that nobody answers, or drops it: while the link is down, and while the server does
    /// not read.
    pub(crate) fn send(&self, stanza: Element) -> Result<(), Unavailable> {
        let connection = self.current().ok_or(Unavailable::LinkDown)?;
        connection
            .ordinary
            .try_send(stanza)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Unavailable::Busy,
                mpsc::error::TrySendError::Closed(_) => Unavailable::LinkDown,
            })
    }

    /// How many of our questions the server has not answered yet.
    pub(crate) fn pending(&self) -> usize {
        self.current().map_or(0, |current| current.pending.count())
    }

    /// Asks `to` and waits for the answer. An error stanza is an answer.
    pub(crate) async fn ask(
        &self,
        to: &Jid,
        kind: Kind,
        payload: Element,
    ) -> Result<Answer, Unavailable> {
        let since = Instant::now();
        let came_to = self.ask_uncounted(to, kind, payload).await;
        self.counts.asked(since.elapsed(), &came_to);
        came_to
    }

    async fn ask_uncounted(
        &self,
        to: &Jid,
        kind: Kind,
        payload: Element,
    ) -> Result<Answer, Unavailable> {
        let connection = self.current().ok_or(Unavailable::LinkDown)?;
        let asking = async {
            let id = random_text::<12>(&*self.random);
            let registered = connection.pending.register(&id, to);
            let mut ticket = registered.inspect_err(|error| {
                if *error == Unavailable::Busy {
                    self.counts.questions.inc();
                }
            })?;
            let stanza = iq::request(&self.ours, to, &id, kind, payload);
            connection
                .urgent
                .send(stanza)
                .await
                .map_err(|_| Unavailable::LinkDown)?;
            ticket.answer().await
        };
        timeout(self.settings.timeout, asking)
            .await
            .map_err(|_| Unavailable::TimedOut)?
    }
}
