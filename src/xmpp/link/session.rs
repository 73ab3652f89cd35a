//! One connection, from the handshake to its end: reads, writes, and notices a peer that is no more.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use minidom::Element;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tracing::debug;
use xmpp_parsers::ping::Ping;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType};

use super::connect::Open;
use super::{Connection, Down, Inbox, Outgoing};
use crate::xmpp::fault::{self, Fault};
use crate::xmpp::iq::{self, Kind, Stanza};
use crate::xmpp::stream::{Incoming, Reader, Refusal, Writer};

/// After this long a silence we ask whether the peer is there.
const SILENCE: Duration = Duration::from_secs(10);
/// And give it as long again to say anything at all, or to take what we write.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long answers may take once we stop.
const DRAIN: Duration = Duration::from_secs(2);
/// How long the peer may take to close its side.
const GOODBYE: Duration = Duration::from_secs(1);
/// One write takes no more stanzas than make this many bytes.
const BATCH: usize = 64 * 1024;
/// After this many stanzas at a stretch the answers get their turn.
const STRETCH: u32 = 64;

/// Runs until the link is lost, or `shutdown` comes about and the last answers are out.
pub(super) async fn run(
    Open {
        mut reader,
        mut writer,
    }: Open,
    mut outgoing: Outgoing,
    connection: &Arc<Connection>,
    inbox: &dyn Inbox,
    shutdown: Pin<&mut (impl Future<Output = ()> + Send)>,
) -> Down {
    let stop = async {
        shutdown.await;
        let _ = timeout(DRAIN, inbox.idle()).await;
    };
    let stopped = tokio::select! {
        cause = read(&mut reader, connection, inbox) => return cause,
        stopped = write(&mut writer, &mut outgoing, stop) => stopped,
    };
    if let Err(cause) = stopped {
        return cause;
    }
    // Closing with unread data would cost the peer what we sent last.
    let _ = timeout(GOODBYE, async { while reader.next().await.is_ok() {} }).await;
    Down::Stopped
}

/// Reads until the link is lost.
async fn read<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    connection: &Arc<Connection>,
    inbox: &dyn Inbox,
) -> Down {
    let mut asked = false;
    let mut taken = 0_u32;
    loop {
        let wait = if asked { PATIENCE } else { SILENCE };
        match timeout(wait, reader.next()).await {
            Ok(Ok(incoming)) => {
                asked = false;
                if let Some(cause) = receive(incoming, connection, inbox) {
                    return cause;
                }
                taken = taken.wrapping_add(1);
                if taken.is_multiple_of(STRETCH) {
                    tokio::task::yield_now().await;
                }
            }
            Ok(Err(error)) => return Down::from(error),
            Err(_) if asked => return Down::Silent,
            Err(_) => {
                asked = true;
                // Whatever comes back will do, so nobody waits for this answer. A full queue says
                // that the peer is not reading.
                let ping = Element::from(Ping);
                let (ours, host) = (&connection.ours, &connection.host);
                let _ =
                    connection
                        .urgent
                        .try_send(iq::request(ours, host, "ping", Kind::Get, ping));
            }
        }
    }
}

/// Takes one stanza; the reason if it ends the link.
fn receive(incoming: Incoming, connection: &Arc<Connection>, inbox: &dyn Inbox) -> Option<Down> {
    let stanza = match incoming {
        Incoming::Element(mut element) => {
            if let Some(cause) = Down::from_stream_error(&element) {
                return Some(cause);
            }
            Stanza::read(&mut element, connection.ours.domain())
        }
        Incoming::Refused { why, head } => {
            match why {
                Refusal::TooLarge => connection.counts.stanza_size.inc(),
                Refusal::TooDeep => connection.counts.stanza_depth.inc(),
                Refusal::NotWellFormed => {}
            }
            debug!(
                from = head.as_ref().and_then(|head| head.attr("from")),
                "a stanza was not taken: {why}"
            );
            head.map_or(Stanza::Ignored, |head| Stanza::unread(&head, refusal(why)))
        }
    };
    match stanza {
        Stanza::Request(request) => inbox.take(request, connection),
        Stanza::Answer { from, id, answer } => {
            if !connection.pending.answered(&from, &id, answer) && id != "ping" {
                debug!(%from, "an answer that nobody waits for");
            }
        }
        Stanza::Refused { from, id, error } => {
            connection.answer(inbox.is_trusted(&from), from, id, Err(error));
        }
        Stanza::Ignored => {}
    }
    None
}

fn refusal(why: Refusal) -> Fault {
    let condition = match why {
        Refusal::TooLarge | Refusal::TooDeep => DefinedCondition::PolicyViolation,
        Refusal::NotWellFormed => DefinedCondition::BadRequest,
    };
    fault::error(
        ErrorType::Modify,
        condition,
        &format!("the stanza is {why}"),
    )
}

/// Writes until the link is lost, or until `stop`; then what waits, and the end of the stream.
async fn write<W: AsyncWrite + Unpin>(
    writer: &mut Writer<W>,
    outgoing: &mut Outgoing,
    stop: impl Future<Output = ()>,
) -> Result<(), Down> {
    let mut stop = pin!(stop);
    loop {
        let first = tokio::select! {
            biased;
            Some(stanza) = outgoing.urgent.recv() => Some(stanza),
            Some(stanza) = outgoing.ordinary.recv() => Some(stanza),
            () = &mut stop => None,
        };
        let stopping = first.is_none();
        let mut next = first.or_else(|| outgoing.try_next());
        while let Some(stanza) = next {
            if let Err(why) = writer.feed(&stanza) {
                debug!("a stanza was not sent: {why}");
            }
            if writer.waiting() >= BATCH {
                patiently(writer.flush()).await?;
            }
            next = outgoing.try_next();
        }
        patiently(writer.flush()).await?;
        if stopping {
            return patiently(writer.close()).await;
        }
    }
}

async fn patiently(write: impl Future<Output = std::io::Result<()>>) -> Result<(), Down> {
    match timeout(PATIENCE, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Down::Broken(error.to_string())),
        Err(_) => Err(Down::Silent),
    }
}

impl Outgoing {
    fn try_next(&mut self) -> Option<Element> {
        self.urgent
            .try_recv()
            .or_else(|_| self.ordinary.try_recv())
            .ok()
    }
}
