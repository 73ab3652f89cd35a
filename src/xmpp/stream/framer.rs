//! Cuts the bytes of an XML stream into its header, its stanzas and its footer, without looking into
//! them. What is wrong inside a stanza then stays that stanza's own trouble: it cannot end the stream,
//! however large, deep or odd it is.

use super::Limits;

/// A piece of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The start tag of the root element.
    Header(Vec<u8>),
    /// A whole child of the root element.
    Stanza(Vec<u8>),
    /// A child of the root element that was too much; its start tag, where that was not.
    Refused(TooMuch, Vec<u8>),
    /// The end tag of the root element.
    Footer,
}

/// Which limit a stanza went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMuch {
    Bytes,
    Depth,
}

/// Where in the markup the last byte was.
#[derive(Clone, Copy, Debug)]
enum Place {
    Text,
    /// After `<`.
    Opening,
    /// In a start or end tag.
    Tag {
        end: bool,
        quote: Option<u8>,
        slash: bool,
    },
    /// After `<!`.
    Bang,
    /// After `<!-`.
    BangDash,
    /// In `<!-- -->`, after this many of the last `-`.
    Comment(u8),
    /// After `<![`, up to the second bracket of `<![CDATA[`.
    BangBracket,
    /// In `<![CDATA[ ]]>`, after this many of the last `]`.
    Cdata(u8),
    /// In any other `<! >`.
    Declaration,
    /// In `<? ?>`; whether the last byte was `?`.
    Instruction(bool),
}

/// Markup that has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Markup {
    Start,
    End,
    Empty,
    Other,
}

impl Place {
    /// Takes a byte on; tells what has ended with it.
    fn step(&mut self, byte: u8) -> Option<Markup> {
        let (next, ended) = match (*self, byte) {
            (Self::Text, b'<') => (Self::Opening, None),
            (Self::Text, _) => (Self::Text, None),
            (Self::Opening, b'/') => (Self::tag(true), None),
            (Self::Opening, b'!') => (Self::Bang, None),
            (Self::Opening, b'?') => (Self::Instruction(false), None),
            (Self::Opening, _) => (Self::tag(false), None),
            (Self::Tag { end, quote, slash }, _) => return self.step_tag(end, quote, slash, byte),
            (Self::Bang, b'-') => (Self::BangDash, None),
            (Self::BangDash, b'-') => (Self::Comment(0), None),
            (Self::BangBracket, b'[') => (Self::Cdata(0), None),
            (Self::Bang, b'[') | (Self::BangBracket, b'A'..=b'Z') => (Self::BangBracket, None),
            (
                Self::Bang
                | Self::BangDash
                | Self::BangBracket
                | Self::Declaration
                | Self::Comment(2..)
                | Self::Cdata(2..)
                | Self::Instruction(true),
                b'>',
            ) => (Self::Text, Some(Markup::Other)),
            (Self::Bang | Self::BangDash | Self::BangBracket | Self::Declaration, _) => {
                (Self::Declaration, None)
            }
            (Self::Comment(dashes), b'-') => (Self::Comment(dashes.saturating_add(1)), None),
            (Self::Comment(_), _) => (Self::Comment(0), None),
            (Self::Cdata(brackets), b']') => (Self::Cdata(brackets.saturating_add(1)), None),
            (Self::Cdata(_), _) => (Self::Cdata(0), None),
            (Self::Instruction(_), b'?') => (Self::Instruction(true), None),
            (Self::Instruction(_), _) => (Self::Instruction(false), None),
        };
        *self = next;
        ended
    }

    fn tag(end: bool) -> Self {
        Self::Tag {
            end,
            quote: None,
            slash: false,
        }
    }

    fn step_tag(&mut self, end: bool, quote: Option<u8>, slash: bool, byte: u8) -> Option<Markup> {
        let (quote, slash) = match (quote, byte) {
            (Some(open), _) if byte == open => (None, false),
            (Some(_), _) => (quote, false),
            (None, b'\'' | b'"') => (Some(byte), false),
            (None, b'>') => {
                *self = Self::Text;
                return Some(match (end, slash) {
                    (true, _) => Markup::End,
                    (false, true) => Markup::Empty,
                    (false, false) => Markup::Start,
                });
            }
            (None, _) => (None, byte == b'/'),
        };
        *self = Self::Tag { end, quote, slash };
        None
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Framer {
    limits: Limits,
    place: Place,
    opened: bool,
    /// How deep in elements below the root.
    depth: usize,
    kept: Vec<u8>,
    /// How much of `kept` is the stanza's start tag; 0 before that has ended.
    head: usize,
    too_much: Option<TooMuch>,
}

impl Framer {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            place: Place::Text,
            opened: false,
            depth: 0,
            kept: Vec::new(),
            head: 0,
            too_much: None,
        }
    }

    /// Takes bytes up to the end of a frame: how many it took, and the frame if one has ended.
    pub(super) fn feed(&mut self, input: &[u8]) -> (usize, Option<Frame>) {
        for (i, &byte) in input.iter().enumerate() {
            // Between stanzas there is only white space, which says that the peer is alive.
            let between = self.depth == 0 && matches!(self.place, Place::Text) && byte != b'<';
            let ended = self.place.step(byte);
            if !between {
                self.keep(byte);
            }
            if let Some(frame) = ended.and_then(|markup| self.ended(markup)) {
                return (i + 1, Some(frame));
            }
        }
        (input.len(), None)
    }

    fn keep(&mut self, byte: u8) {
        if self.too_much.is_some() {
            return;
        }
        if self.kept.len() >= self.limits.max_stanza {
            self.refuse(TooMuch::Bytes);
        } else {
            self.kept.push(byte);
        }
    }

    /// From here on only the start tag is kept.
    fn refuse(&mut self, why: TooMuch) {
        self.too_much.get_or_insert(why);
        self.kept.truncate(self.head);
        self.kept.shrink_to_fit();
    }

    fn ended(&mut self, markup: Markup) -> Option<Frame> {
        match markup {
            Markup::Start if !self.opened => {
                self.opened = true;
                Some(self.take(Frame::Header))
            }
            Markup::Start => {
                if self.depth == 0 && self.too_much.is_none() {
                    self.head = self.kept.len();
                }
                self.depth += 1;
                if self.depth > self.limits.max_depth {
                    self.refuse(TooMuch::Depth);
                }
                None
            }
            Markup::Empty if self.opened && self.depth == 0 => Some(self.take(Frame::Stanza)),
            Markup::Empty if self.opened => None,
            Markup::End if self.opened && self.depth > 0 => {
                self.depth -= 1;
                (self.depth == 0).then(|| self.take(Frame::Stanza))
            }
            Markup::Empty | Markup::End => Some(Frame::Footer),
            Markup::Other => {
                if self.depth == 0 {
                    self.kept.clear();
                    self.too_much = None;
                }
                None
            }
        }
    }

    fn take(&mut self, whole: impl FnOnce(Vec<u8>) -> Frame) -> Frame {
        self.head = 0;
        let kept = std::mem::take(&mut self.kept);
        match self.too_much.take() {
            None => whole(kept),
            Some(why) => Frame::Refused(why, kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        max_stanza: 100,
        max_depth: 4,
    };

    fn frames(input: &str, step: usize) -> Vec<String> {
        let mut framer = Framer::new(LIMITS);
        let mut frames = Vec::new();
        for mut chunk in input.as_bytes().chunks(step) {
            while !chunk.is_empty() {
                let (taken, frame) = framer.feed(chunk);
                chunk = &chunk[taken..];
                frames.extend(frame.map(|frame| match frame {
                    Frame::Header(b) => format!("H {}", String::from_utf8(b).unwrap()),
                    Frame::Stanza(b) => format!("S {}", String::from_utf8(b).unwrap()),
                    Frame::Refused(why, b) => {
                        format!("{why:?} {}", String::from_utf8(b).unwrap())
                    }
                    Frame::Footer => "F".to_owned(),
                }));
            }
        }
        frames
    }

    #[test]
    fn a_stream_is_cut_the_same_however_it_arrives() {
        let stream = "<?xml version='1.0'?>\n<s:s a='>' xmlns='x'> <a/>\n<b c=\"'/>\"><b>t</b></b> \
                      <c><![CDATA[</c>]]]></c><d><!-- </d> --></d></s:s>";
        let whole = frames(stream, stream.len());
        assert_eq!(
            whole,
            [
                "H <s:s a='>' xmlns='x'>",
                "S <a/>",
                "S <b c=\"'/>\"><b>t</b></b>",
                "S <c><![CDATA[</c>]]]></c>",
                "S <d><!-- </d> --></d>",
                "F"
            ]
        );
        for step in 1..8 {
            assert_eq!(frames(stream, step), whole, "{step} bytes at a time");
        }
    }

    #[test]
    fn a_stanza_that_is_too_large_leaves_its_start_tag_and_the_next_stanza() {
        let stream = format!("<s><iq id='1'><x>{}</x></iq><b/>", "y".repeat(200));
        assert_eq!(frames(&stream, 7), ["H <s>", "Bytes <iq id='1'>", "S <b/>"]);
    }

    #[test]
    fn a_start_tag_that_is_too_large_leaves_nothing_but_the_next_stanza() {
        let stream = format!("<s><iq id='{}'><x/></iq><b/>", "y".repeat(200));
        assert_eq!(frames(&stream, 7), ["H <s>", "Bytes ", "S <b/>"]);
        let empty = format!("<s><iq id='{}'/><b/>", "y".repeat(200));
        assert_eq!(frames(&empty, 7), ["H <s>", "Bytes ", "S <b/>"]);
    }

    #[test]
    fn a_stanza_that_is_too_deep_leaves_its_start_tag_and_the_next_stanza() {
        let stream = format!("<s><m>{}{}</m><b/>", "<a>".repeat(9), "</a>".repeat(9));
        assert_eq!(frames(&stream, 5), ["H <s>", "Depth <m>", "S <b/>"]);
    }
}
