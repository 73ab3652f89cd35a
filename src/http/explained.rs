//! What hyper leaves open at the door, put around each connection.
//!
//! Requests that are no HTTP, or whose head is too large, never reach a handler: hyper answers them with a
//! status and no word, and this puts the sentence in. And hyper waits for ever for a client that asks and
//! does not read: after a while without progress this ends the connection.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::counts::DoorCounts;

/// A connection whose wordless refusals are explained, and whose client must read.
pub(super) struct Explained<IO> {
    inner: IO,
    patience: Duration,
    counts: DoorCounts,
    /// Runs while the client does not read.
    stalled: Option<Pin<Box<Sleep>>>,
    /// What is written in the place of `of` bytes, and how much of it has been.
    instead: Option<Instead>,
}

struct Instead {
    answer: Vec<u8>,
    written: usize,
    of: usize,
}

impl<IO> Explained<IO> {
    /// `patience` is how long the client may read nothing of what it asked for.
    pub(super) fn new(inner: IO, patience: Duration, counts: DoorCounts) -> Self {
        Self {
            inner,
            patience,
            counts,
            stalled: None,
            instead: None,
        }
    }

    /// Passes on what came of writing, unless nothing has come of it for too long.
    fn within_patience<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        self.counts.answer_timeout.inc();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

/// The sentence for a head that hyper wrote by itself: short, whole, the last of its connection, and with
/// nothing behind it. Our own handlers never refuse without a body.
fn sentence_for(head: &[u8]) -> Option<(&'static str, &'static str)> {
    if head.len() > 300 || !head.starts_with(b"HTTP/1.1 4") {
        return None;
    }
    let head = std::str::from_utf8(head).ok()?;
    let (status, rest) = head.strip_prefix("HTTP/1.1 ")?.split_once("\r\n")?;
    let is_last = rest.contains("connection: close\r\n");
    let is_wordless = rest.contains("content-length: 0\r\n");
    let is_whole = rest.find("\r\n\r\n") == Some(rest.len() - 4);
    if !(is_last && is_wordless && is_whole) {
        return None;
    }
    match status.split(' ').next()? {
        "400" => Some((
            "400 Bad Request",
            "this is no HTTP request, or its head is malformed",
        )),
        "414" => Some(("414 URI Too Long", "the address is longer than 16384 bytes")),
        "431" => Some((
            "431 Request Header Fields Too Large",
            "the request's head is larger than 64 KiB, or has more than 100 fields",
        )),
        _ => None,
    }
}

fn answer(status: &str, sentence: &str) -> Vec<u8> {
    let body = format!(r#"{{"error":"invalid_request","error_description":"{sentence}"}}"#);
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         cache-control: no-store\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl<IO: AsyncRead + Unpin> AsyncRead for Explained<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> Explained<IO> {
    /// Writes what stands in the place of hyper's words; then they count as written.
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while let Some(instead) = &mut self.instead {
            if instead.written == instead.answer.len() {
                let of = instead.of;
                self.instead = None;
                return Poll::Ready(Ok(of));
            }
            let rest = &instead.answer[instead.written..];
            match ready!(Pin::new(&mut self.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => instead.written += count,
            }
        }
        Poll::Ready(Ok(0))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Explained<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.instead.is_none()
            && let Some((status, sentence)) = sentence_for(bytes)
        {
            match status.split(' ').next() {
                Some("414") => self.counts.uri_length.inc(),
                Some("431") => self.counts.head_size.inc(),
                _ => {}
            }
            self.instead = Some(Instead {
                answer: answer(status, sentence),
                written: 0,
                of: bytes.len(),
            });
        }
        let written = match self.instead {
            Some(_) => self.poll_instead(context),
            None => Pin::new(&mut self.inner).poll_write(context, bytes),
        };
        self.within_patience(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices.iter().find(|slice| !slice.is_empty()) {
            Some(first) if self.instead.is_some() || sentence_for(first).is_some() => {
                self.poll_write(context, first)
            }
            _ => {
                let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
                self.within_patience(context, written)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.within_patience(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn written(head: &[u8]) -> String {
        let (text, _) = written_and_counted(head).await;
        text
    }

    async fn written_and_counted(head: &[u8]) -> (String, DoorCounts) {
        let (near, mut far) = tokio::io::duplex(7);
        let reading = tokio::spawn(async move {
            let mut text = String::new();
            far.read_to_string(&mut text).await.unwrap();
            text
        });
        let counts = DoorCounts::default();
        let mut connection = Explained::new(near, Duration::from_secs(60), counts.clone());
        connection.write_all(head).await.unwrap();
        drop(connection);
        (reading.await.unwrap(), counts)
    }

    #[tokio::test]
    async fn a_refusal_without_a_word_gets_a_sentence_however_slowly_it_is_read() {
        let head = b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let (text, counts) = written_and_counted(head).await;
        assert_eq!(counts.uri_length.get(), 1);
        assert!(text.starts_with("HTTP/1.1 414 URI Too Long\r\n"), "{text}");
        assert!(text.contains("16384 bytes"), "{text}");
    }

    #[tokio::test]
    async fn every_other_answer_passes_as_it_is() {
        for head in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\nmore",
            "HTTP/1.1 303 See Other\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(written(head.as_bytes()).await, head);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_does_not_hold_its_place_for_ever() {
        let (near, _far) = tokio::io::duplex(7);
        let counts = DoorCounts::default();
        let mut connection = Explained::new(near, Duration::from_secs(10), counts.clone());
        let written = connection.write_all(&[b'x'; 100]).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(counts.answer_timeout.get(), 1);
    }
}
