//! Requests that are no HTTP, or whose head is too large, never reach a handler: hyper answers them with a
//! status and no word. This wraps a connection and puts the sentence in.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose wordless refusals are explained.
pub(super) struct Explained<IO> {
    inner: IO,
    /// What is written in the place of `of` bytes, and how much of it has been.
    instead: Option<Instead>,
}

struct Instead {
    answer: Vec<u8>,
    written: usize,
    of: usize,
}

impl<IO> Explained<IO> {
    pub(super) fn new(inner: IO) -> Self {
        Self {
            inner,
            instead: None,
        }
    }
}

/// The sentence for a head that hyper wrote by itself. Our own handlers never refuse without a body.
fn sentence_for(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let head = std::str::from_utf8(head).ok()?;
    let (status, rest) = head.strip_prefix("HTTP/1.1 ")?.split_once("\r\n")?;
    if !rest.contains("content-length: 0\r\n") {
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
            self.instead = Some(Instead {
                answer: answer(status, sentence),
                written: 0,
                of: bytes.len(),
            });
        }
        match self.instead {
            Some(_) => self.poll_instead(context),
            None => Pin::new(&mut self.inner).poll_write(context, bytes),
        }
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
            _ => Pin::new(&mut self.inner).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
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
        let (near, mut far) = tokio::io::duplex(7);
        let reading = tokio::spawn(async move {
            let mut text = String::new();
            far.read_to_string(&mut text).await.unwrap();
            text
        });
        let mut connection = Explained::new(near);
        connection.write_all(head).await.unwrap();
        drop(connection);
        reading.await.unwrap()
    }

    #[tokio::test]
    async fn a_refusal_without_a_word_gets_a_sentence_however_slowly_it_is_read() {
        let head = b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let text = written(head).await;
        assert!(text.starts_with("HTTP/1.1 414 URI Too Long\r\n"), "{text}");
        assert!(text.contains("16384 bytes"), "{text}");
    }

    #[tokio::test]
    async fn every_other_answer_passes_as_it_is() {
        for head in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 303 See Other\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(written(head.as_bytes()).await, head);
        }
    }
}
