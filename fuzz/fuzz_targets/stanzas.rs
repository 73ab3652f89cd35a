//! The stream's reader: stanzas are the same however their bytes arrive, and the same that an XML parser
//! sees; what was read, written again, is read the same.
#![no_main]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use libfuzzer_sys::fuzz_target;
use minidom::Element;
use tokio::io::{AsyncRead, ReadBuf};
use xmpp_oauth::xmpp::stream::{Incoming, Limits, ReadError, Reader, Writer};

const HEADER: &str = "<stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' from='a.example' id='1'>";
const FOOTER: &str = "</stream:stream>";

const LIMITS: Limits = Limits {
    max_stanza: 300,
    max_depth: 8,
};

/// Gives out at most `step` bytes at once.
struct Source {
    rest: Vec<u8>,
    step: usize,
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.step.min(self.rest.len()).min(buffer.remaining());
        buffer.put_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Poll::Ready(Ok(()))
    }
}

/// What comes after the stream's header, until nothing more can be read.
fn read(bytes: &[u8], step: usize) -> (Vec<Incoming>, ReadError) {
    let rest = [HEADER.as_bytes(), bytes].concat();
    let mut reader = Reader::new(Source { rest, step }, LIMITS);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        reader.header().await.expect("the header");
        let mut seen = Vec::new();
        loop {
            match reader.next().await {
                Ok(incoming) => seen.push(incoming),
                Err(end) => return (seen, end),
            }
        }
    })
}

/// The bytes of an element.
fn written(element: &Element) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let sent = runtime.expect("a runtime").block_on(writer.send(element));
    sent.expect("what XML said, XML can say");
    writer.into_inner()
}

fuzz_target!(|bytes: &[u8]| {
    let (whole, end) = read(bytes, usize::MAX);
    for step in [1, 7] {
        assert_eq!(
            format!("{:?}", (&whole, &end)),
            format!("{:?}", read(bytes, step))
        );
    }
    for incoming in &whole {
        if let Incoming::Element(element) = incoming {
            let text = written(element);
            let again = Element::from_reader(text.as_slice()).expect("XML");
            assert_eq!(*element, again);
        }
    }
    // What a parser takes for a stream is one here, too: with all its stanzas, and to its end.
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(stream) = format!("{HEADER}{text}{FOOTER}").parse::<Element>() else {
        return;
    };
    let (seen, end) = read(format!("{text}{FOOTER}").as_bytes(), usize::MAX);
    assert!(matches!(end, ReadError::Closed), "{end:?}");
    assert_eq!(seen.len(), stream.children().count());
    for (incoming, expected) in seen.iter().zip(stream.children()) {
        match incoming {
            Incoming::Element(element) => assert_eq!(element, expected),
            Incoming::Refused { head, .. } => {
                let head = head.as_ref();
                assert!(head.is_none_or(|head| head.name() == expected.name()));
            }
        }
    }
});
