//! Whether the link is up, and what is to be done if it is not.

use std::time::Duration;

use minidom::Element;
use xmpp_parsers::ns;

use crate::secrets::Random;
use crate::xmpp::stream::ReadError;

/// The link as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It has not been up yet, and has not failed either.
    Connecting,
    /// It is up.
    Up,
    /// It is not, and this is why. It goes on trying.
    Down(Down),
}

/// Why the link is down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Down {
    /// Nothing listens there, or nothing answers.
    #[error("cannot reach the XMPP server at {address}: {error}")]
    Unreachable {
        /// `component.server`
        address: String,
        /// What the system said.
        error: String,
    },
    /// The address is not on this machine.
    #[error(
        "{0} is not on this machine and the link is plaintext: use a tunnel, and set \
         allow_plaintext_network in [component] if that is what you have"
    )]
    NotLoopback(String),
    /// RFC 6120 §4.9.3.12
    #[error(
        "the XMPP server refused the secret: secret in [component] must be what the server has as \
         this component's secret (some servers say the same if another process holds the component)"
    )]
    NotAuthorized,
    /// RFC 6120 §4.9.3.3
    #[error("another process is connected to the XMPP server as this component: stop one of them")]
    Conflict,
    /// RFC 6120 §4.9.3.6
    #[error(
        "the XMPP server has no such component: jid in [component] must be the name of a component in \
         the server's configuration, and server its component port"
    )]
    HostUnknown,
    /// What answers there does something else.
    #[error("what listens at {0} is no component port of an XMPP server")]
    NotXmpp(String),
    /// The server ended the stream with another error.
    #[error("the XMPP server ended the link: {0}")]
    StreamError(String),
    /// It closed the connection.
    #[error("the XMPP server closed the link")]
    Closed,
    /// The connection broke.
    #[error("the link broke: {0}")]
    Broken(String),
    /// It says nothing any more.
    #[error("the XMPP server has fallen silent")]
    Silent,
    /// We are stopping.
    #[error("the link was closed because the program stops")]
    Stopped,
}

impl Down {
    /// Whether trying again soon is of no use, because somebody has to change something first.
    pub(super) fn needs_a_hand(&self) -> bool {
        matches!(
            self,
            Self::NotLoopback(_)
                | Self::NotAuthorized
                | Self::Conflict
                | Self::HostUnknown
                | Self::NotXmpp(_)
        )
    }

    /// What a `<stream:error/>` says, if `element` is one.
    pub(super) fn from_stream_error(element: &Element) -> Option<Self> {
        if !element.is("error", ns::STREAM) {
            return None;
        }
        let has = |condition: &str| element.has_child(condition, ns::XMPP_STREAMS);
        Some(if has("not-authorized") {
            Self::NotAuthorized
        } else if has("conflict") {
            Self::Conflict
        } else if has("host-unknown") || has("host-gone") {
            Self::HostUnknown
        } else {
            let condition = element.children().map(Element::name).find(|n| *n != "text");
            let text = element
                .get_child("text", ns::XMPP_STREAMS)
                .map(Element::text);
            let condition = condition.unwrap_or("no reason given");
            Self::StreamError(match text {
                Some(text) => format!("{condition} ({text})"),
                None => condition.to_owned(),
            })
        })
    }
}

impl From<ReadError> for Down {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed | ReadError::Eof => Self::Closed,
            ReadError::Io(e) => Self::Broken(e.to_string()),
            ReadError::NoHeader => Self::Broken(error.to_string()),
        }
    }
}

/// How long to wait before the next try.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
    needed_a_hand: bool,
}

impl Backoff {
    /// The link was up.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    /// The wait after a failure. A server that restarts is found again within a second of its
    /// listening; one that will not have us is not asked more often than twice a minute.
    pub(super) fn next(&mut self, cause: &Down, random: &dyn Random) -> Duration {
        if cause.needs_a_hand() != self.needed_a_hand {
            // What has changed may change again.
            self.needed_a_hand = cause.needs_a_hand();
            self.reset();
        }
        let (first, longest) = if cause.needs_a_hand() {
            (500, 30_000)
        } else {
            (100, 1_000)
        };
        let full = (first << self.tries.min(10)).min(longest);
        self.tries = self.tries.saturating_add(1);
        // Half of it is left to chance, so that several components do not come in step.
        let mut byte = [0];
        random.fill(&mut byte);
        Duration::from_millis(full / 2 + full * u64::from(byte[0]) / 512)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::OsRandom;

    fn error(condition: &str) -> Down {
        let xml = format!(
            "<error xmlns='{}'><{condition} xmlns='{}'/></error>",
            ns::STREAM,
            ns::XMPP_STREAMS
        );
        Down::from_stream_error(&xml.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_wrong_secret_a_second_holder_and_an_unknown_name_are_told_apart() {
        assert_eq!(error("not-authorized"), Down::NotAuthorized);
        assert_eq!(error("conflict"), Down::Conflict);
        assert_eq!(error("host-unknown"), Down::HostUnknown);
        assert_eq!(
            error("system-shutdown"),
            Down::StreamError("system-shutdown".to_owned())
        );
    }

    #[test]
    fn a_restarting_server_is_tried_every_second_and_a_refusing_one_twice_a_minute() {
        for (cause, longest) in [(Down::Closed, 1), (Down::Conflict, 30)] {
            let mut backoff = Backoff::default();
            let waits: Vec<_> = (0..100).map(|_| backoff.next(&cause, &OsRandom)).collect();
            assert!(waits[0] <= Duration::from_millis(500), "{cause:?}");
            assert!(waits.iter().all(|w| *w <= Duration::from_secs(longest)));
            assert!(waits.iter().all(|w| *w >= Duration::from_millis(50)));
            let other = match cause {
                Down::Closed => Down::Conflict,
                _ => Down::Closed,
            };
            assert!(backoff.next(&other, &OsRandom) <= Duration::from_millis(500));
        }
    }
}
