//! The reading half.

use std::io;

use minidom::Element;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::framer::{Frame, Framer, TooMuch};
use super::{Limits, parse};

/// Something that arrived.
#[derive(Debug)]
pub enum Incoming {
    /// A stanza, or another child of the stream's root.
    Element(Element),
    /// One that was not taken. The stream goes on behind it.
    Refused {
        /// Why.
        why: Refusal,
        /// Its start tag as an element without content, where that could be read.
        head: Option<Element>,
    },
}

/// Why a stanza was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Larger than [`Limits::max_stanza`].
    #[error("too large")]
    TooLarge,
    /// Deeper than [`Limits::max_depth`].
    #[error("nested too deep")]
    TooDeep,
    /// Not well-formed, or restricted XML (RFC 6120 §11.1).
    #[error("not well-formed")]
    NotWellFormed,
}

/// Nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The peer has closed its stream.
    #[error("the stream was closed")]
    Closed,
    /// The connection ended without that.
    #[error("the connection was closed")]
    Eof,
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What should open the stream is no stream header.
    #[error("the peer does not speak XMPP")]
    NoHeader,
}

/// Reads a stream.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    framer: Framer,
    header: Vec<u8>,
    buffer: Box<[u8]>,
    unread: std::ops::Range<usize>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// A reader of the stream that begins with the next byte of `source`.
    pub fn new(source: R, limits: Limits) -> Self {
        Self {
            source,
            framer: Framer::new(limits),
            header: Vec::new(),
            buffer: vec![0; 16 * 1024].into(),
            unread: 0..0,
        }
    }

    /// The stream header, as an element without content. It comes before all else.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn header(&mut self) -> Result<Element, ReadError> {
        match self.frame().await? {
            Frame::Header(bytes) => {
                let element = parse::start_tag(b"", &bytes).map_err(|_| ReadError::NoHeader)?;
                self.header = bytes;
                Ok(element)
            }
            Frame::Stanza(_) | Frame::Refused(..) | Frame::Footer => Err(ReadError::NoHeader),
        }
    }

    /// The next child of the stream's root. May be dropped and called again without a loss.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn next(&mut self) -> Result<Incoming, ReadError> {
        let (why, head) = match self.frame().await? {
            Frame::Stanza(bytes) => match parse::element(&self.header, &bytes) {
                Ok(element) => return Ok(Incoming::Element(element)),
                Err(parse::NotWellFormed) => (Refusal::NotWellFormed, first_tag(bytes)),
            },
            Frame::Refused(TooMuch::Bytes, head) => (Refusal::TooLarge, head),
            Frame::Refused(TooMuch::Depth, head) => (Refusal::TooDeep, head),
            Frame::Header(_) | Frame::Footer => return Err(ReadError::Closed),
        };
        let head = parse::start_tag(&self.header, &head).ok();
        Ok(Incoming::Refused { why, head })
    }

    /// What is being read from; `None` if more has been read from it than was asked for, which
    /// must not leak into an encrypted stream.
    pub fn into_inner(self) -> Option<R> {
        self.unread.is_empty().then_some(self.source)
    }

    async fn frame(&mut self) -> Result<Frame, ReadError> {
        loop {
            let (taken, frame) = self.framer.feed(&self.buffer[self.unread.clone()]);
            self.unread.start += taken;
            if let Some(frame) = frame {
                return Ok(frame);
            }
            let length = self.source.read(&mut self.buffer).await?;
            if length == 0 {
                return Err(ReadError::Eof);
            }
            self.unread = 0..length;
        }
    }
}

/// The first tag of a stanza's bytes.
fn first_tag(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut quote = None;
    let end = bytes.iter().position(|&byte| match quote {
        Some(open) => {
            if byte == open {
                quote = None;
            }
            false
        }
        None => {
            if matches!(byte, b'\'' | b'"') {
                quote = Some(byte);
            }
            byte == b'>'
        }
    });
    bytes.truncate(end.map_or(0, |end| end + 1));
    bytes
}
