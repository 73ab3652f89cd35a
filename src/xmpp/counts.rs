//! What the link counts, for the operator to watch.

use std::time::Duration;

use super::hosts::{HostInfo, Module};
use super::iq::Answer;
use super::link::LinkState;
use crate::accounts::Unavailable;
use crate::metrics::{Counter, Gauge, Histogram, Metrics, SECONDS};

/// See the module.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) metrics: Metrics,
    is_up: Gauge,
    pub(super) link_losses: Counter,
    pending: Gauge,
    modules_missing: Gauge,
    ask_seconds: Histogram,
    unanswered: Counter,
    requests_by_hosts: Counter,
    requests_by_others: Counter,
    /// The limits.
    pub(super) password_checks: Counter,
    pub(super) requests_of_hosts: Counter,
    pub(super) requests_of_others: Counter,
    pub(super) requests_of_users: Counter,
    pub(super) answers_waiting: Counter,
    pub(super) questions: Counter,
    pub(super) stanza_size: Counter,
    pub(super) stanza_depth: Counter,
    pub(super) commands_of_account: Counter,
    pub(super) commands: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        let metrics = Metrics::default();
        let requests = |by| {
            let help = "IQ requests that came over the link.";
            metrics.counter("link_requests_total", help, &[("by", by)])
        };
        Self {
            is_up: metrics.gauge(
                "link_up",
                "Whether the link to the XMPP server is up: 1 or 0.",
                &[],
            ),
            link_losses: metrics.counter(
                "link_losses_total",
                "How often a link that was up has ended.",
                &[],
            ),
            pending: metrics.gauge(
                "link_pending_questions",
                "Questions that the XMPP server has not answered yet.",
                &[],
            ),
            modules_missing: metrics.gauge(
                "hosts_without_module",
                "Served hosts whose server module has not said hello.",
                &[],
            ),
            ask_seconds: metrics.histogram(
                "link_answer_seconds",
                "How long the XMPP server takes to answer a question.",
                &[],
                &SECONDS,
            ),
            unanswered: metrics.counter(
                "link_unanswered_total",
                "Questions that got no answer: the link was down, or the server too slow.",
                &[],
            ),
            requests_by_hosts: requests("hosts"),
            requests_by_others: requests("others"),
            password_checks: metrics.limit("max_password_checks"),
            requests_of_hosts: metrics.limit("link_requests_of_hosts"),
            requests_of_others: metrics.limit("link_requests_of_others"),
            requests_of_users: metrics.limit("link_requests_of_users"),
            answers_waiting: metrics.limit("link_answers_waiting"),
            questions: metrics.limit("link_questions"),
            stanza_size: metrics.limit("max_stanza_size"),
            stanza_depth: metrics.limit("stanza_depth"),
            commands_of_account: metrics.limit("commands_per_account"),
            commands: metrics.limit("commands_waiting"),
            metrics,
        }
    }
}

impl Counts {
    pub(super) fn request(&self, of_host: bool) {
        match of_host {
            true => &self.requests_by_hosts,
            false => &self.requests_by_others,
        }
        .inc();
    }

    pub(super) fn asked(&self, took: Duration, came_to: &Result<Answer, Unavailable>) {
        match came_to {
            Ok(_) => self.ask_seconds.observe(took.as_secs_f64()),
            Err(_) => self.unanswered.inc(),
        }
    }

    /// Notes what can only be looked at.
    pub(super) fn look(&self, link: &LinkState, pending: usize, hosts: &[HostInfo]) {
        let has_none = |host: &&HostInfo| !matches!(host.module, Module::Present(_));
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.is_up.set(i64::from(*link == LinkState::Up));
        self.pending.set(number(pending));
        self.modules_missing
            .set(number(hosts.iter().filter(has_none).count()));
    }
}
