//! Hands requests to their handlers, and sees to it that nobody's flood keeps others waiting.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::FutureExt as _;
use jid::Jid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::warn;

use super::Server;
use super::fault;
use super::handlers::{self, Asked, ForHost, Handler};
use super::hosts::Host;
use super::iq::Request;
use super::link::{Connection, Inbox};
use crate::oauth::Provider;

/// How many requests of the hosts are in hand at once, and how many of others that may ask.
const FOR_HOSTS: u32 = 2048;
const FOR_OTHERS: u32 = 64;
/// And how many of users.
const FOR_USERS: u32 = 32;
/// Of how many servers that are not ours the log tells.
const MOST_TOLD: usize = 16;

/// See the module.
pub(super) struct Router {
    server: Arc<Server>,
    provider: Arc<Provider>,
    in_order: Vec<mpsc::UnboundedSender<Job>>,
    for_hosts: Arc<Semaphore>,
    for_others: Arc<Semaphore>,
    for_users: Arc<Semaphore>,
    /// Servers that were refused, as far as the operator was told.
    told: Mutex<HashSet<String>>,
}

/// A host's request, to be served when those before it have been.
struct Job {
    handler: ForHost,
    asked: Asked,
    host: Arc<Host>,
    request: Request,
    connection: Arc<Connection>,
    /// Bounds the queue.
    _permit: OwnedSemaphorePermit,
}

impl Job {
    async fn run(self) {
        let Request {
            from, id, payload, ..
        } = self.request;
        let answer = (self.handler)(self.asked, self.host, payload).await;
        self.connection.answer_host(from, id, answer).await;
    }
}

impl Router {
    /// A router; `tasks` holds what it needs to go on.
    pub(super) fn new(
        server: &Arc<Server>,
        provider: &Arc<Provider>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let queue = |_| {
            let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
            tasks.spawn(async move {
                while let Some(job) = queue.recv().await {
                    job.run().await;
                }
            });
            jobs
        };
        Self {
            in_order: server.hosts().iter().map(queue).collect(),
            server: Arc::clone(server),
            provider: Arc::clone(provider),
            for_hosts: Arc::new(Semaphore::new(FOR_HOSTS as usize)),
            told: Mutex::default(),
            for_others: Arc::new(Semaphore::new(FOR_OTHERS as usize)),
            for_users: Arc::new(Semaphore::new(FOR_USERS as usize)),
        }
    }

    /// The host that `from` is, exactly.
    fn host(&self, from: &Jid) -> Option<usize> {
        if from.node().is_some() || from.resource().is_some() {
            return None;
        }
        let hosts = self.server.hosts();
        hosts.iter().position(|host| host.is(from.domain()))
    }

    fn take_from_host(
        &self,
        index: Option<usize>,
        handler: ForHost,
        in_order: bool,
        request: Request,
        connection: &Arc<Connection>,
    ) {
        let Some(index) = index else {
            let text = format!(
                "{} is not one of hosts in [xmpp] of this component's configuration",
                request.from.domain()
            );
            self.tell_operator(&request.from, &text);
            return connection.answer(
                false,
                request.from,
                request.id,
                Err(fault::forbidden(&text)),
            );
        };
        let Ok(permit) = Arc::clone(&self.for_hosts).try_acquire_owned() else {
            self.server.counts.requests_of_hosts.inc();
            return connection.answer(true, request.from, request.id, Err(fault::busy()));
        };
        let host = Arc::clone(&self.server.hosts()[index]);
        let job = Job {
            handler,
            asked: self.asked(Some(index)),
            host,
            request,
            connection: Arc::clone(connection),
            _permit: permit,
        };
        if in_order {
            // It lives as long as the link is run.
            let _ = self.in_order[index].send(job);
        } else {
            carry_out(job.run());
        }
    }

    /// A host that is ours but not in the settings should be noticed; strangers who try should not
    /// fill the log.
    fn tell_operator(&self, from: &Jid, text: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_server = from.node().is_none() && from.resource().is_none();
        if is_server && told.len() < MOST_TOLD && told.insert(from.to_string()) {
            warn!(%from, "a request was refused: {text}");
        }
    }

    fn asked(&self, index: Option<usize>) -> Asked {
        Asked {
            provider: Arc::clone(&self.provider),
            stages: Arc::clone(&self.server.stages),
            host: index.map(|index| Arc::clone(&self.server.hosts()[index])),
        }
    }
}

/// Does at once what can be: most tokens that are asked about are in memory, and a task of its own for each
/// would cost as much again. The rest goes on beside the link. Nothing in it ends the link.
fn carry_out(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(async {
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            tracing::error!("a request panicked; nobody was answered");
        }
    });
    if work.as_mut().now_or_never().is_none() {
        tokio::spawn(work);
    }
}

#[async_trait]
impl Inbox for Router {
    fn linked(&self) {
        for host in self.server.hosts() {
            host.linked();
        }
    }

    fn take(&self, request: Request, connection: &Arc<Connection>) {
        let index = self.host(&request.from);
        let trusted = index.is_some();
        self.server.counts.request(trusted);
        match handlers::find(request.kind, &request.payload) {
            None => {
                let answer = Err(fault::service_unavailable());
                connection.answer(trusted, request.from, request.id, answer);
            }
            Some(Handler::Anyone(handler)) => {
                let answer = handler(&self.asked(index), &request);
                connection.answer(trusted, request.from, request.id, answer);
            }
            Some(Handler::Host(handler)) => {
                self.take_from_host(index, handler, false, request, connection);
            }
            Some(Handler::HostInOrder(handler)) => {
                self.take_from_host(index, handler, true, request, connection);
            }
            Some(Handler::User(handler)) => {
                let (from, id) = (request.from.clone(), request.id.clone());
                let Ok(permit) = Arc::clone(&self.for_users).try_acquire_owned() else {
                    self.server.counts.requests_of_users.inc();
                    return connection.answer(false, from, id, Err(fault::busy()));
                };
                let (asked, connection) = (self.asked(None), Arc::clone(connection));
                tokio::spawn(async move {
                    let answer = handler(asked, request).await;
                    connection.answer(false, from, id, answer);
                    drop(permit);
                });
            }
            Some(Handler::Introspection(handler)) => {
                let (from, id) = (request.from.clone(), request.id.clone());
                if !trusted && !self.provider.may_introspect(from.as_str()) {
                    let answer = fault::forbidden("you do not stand in [introspection] allowed");
                    return connection.answer(false, from, id, Err(answer));
                }
                let counts = &self.server.counts;
                let (permits, refusals) = if trusted {
                    (&self.for_hosts, &counts.requests_of_hosts)
                } else {
                    (&self.for_others, &counts.requests_of_others)
                };
                let Ok(permit) = Arc::clone(permits).try_acquire_owned() else {
                    refusals.inc();
                    return connection.answer(trusted, from, id, Err(fault::busy()));
                };
                let (asked, connection) = (self.asked(index), Arc::clone(connection));
                carry_out(async move {
                    let answer = handler(asked, request).await;
                    connection.answer(trusted, from, id, answer);
                    drop(permit);
                });
            }
        }
    }

    fn is_trusted(&self, from: &Jid) -> bool {
        self.host(from).is_some()
    }

    async fn idle(&self) {
        let _ = self.for_hosts.acquire_many(FOR_HOSTS).await;
        let _ = self.for_others.acquire_many(FOR_OTHERS).await;
        let _ = self.for_users.acquire_many(FOR_USERS).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_can_be_done_at_once_is_and_the_rest_goes_on_beside() {
        let (done, mut at_once) = oneshot::channel();
        carry_out(async move { done.send(()).unwrap() });
        assert!(at_once.try_recv().is_ok());
        let (go_on, waiting) = oneshot::channel::<()>();
        let (done, later) = oneshot::channel();
        carry_out(async move {
            let _ = waiting.await;
            done.send(()).unwrap();
        });
        drop(go_on);
        assert!(later.await.is_ok());
    }

    #[tokio::test]
    async fn a_request_that_panics_takes_nothing_with_it() {
        carry_out(async { panic!("at once") });
        let (go_on, waiting) = oneshot::channel::<()>();
        let (dropped, was_dropped) = oneshot::channel::<()>();
        carry_out(async move {
            let _ends_with_it = dropped;
            let _ = waiting.await;
            panic!("later");
        });
        drop(go_on);
        assert!(was_dropped.await.is_err());
    }
}
