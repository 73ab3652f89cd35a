//! XEP-0050 and XEP-0004 as they travel.

use std::collections::HashMap;

use minidom::Element;
use minidom::element::ElementBuilder;
use minidom::rxml::{NcNameStr, xml_ncname};
use xmpp_parsers::ns as xep;

use crate::xmpp::fault::{self, Fault};

/// XEP-0050
pub(in crate::xmpp) const NS: &str = "http://jabber.org/protocol/commands";

/// What the asker wants done with the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Begin, or go on.
    Go,
    Back,
    Cancel,
}

/// The values of a form that was filled in.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled(HashMap<String, Vec<String>>);

impl Filled {
    fn read(form: &Element) -> Self {
        let mut values = HashMap::new();
        for field in form.children().filter(|c| c.is("field", xep::DATA_FORMS)) {
            let Some(var) = field.attr("var") else {
                continue;
            };
            let of_field = field
                .children()
                .filter(|child| child.is("value", xep::DATA_FORMS))
                .map(Element::text);
            values.insert(var.to_owned(), of_field.collect());
        }
        Self(values)
    }

    /// All values of a field.
    pub(super) fn all(&self, var: &str) -> &[String] {
        self.0.get(var).map_or(&[], Vec::as_slice)
    }

    /// The value of a field that was not left empty.
    pub(super) fn one(&self, var: &str) -> Option<&str> {
        let value = self.all(var).first()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Whether a box was ticked.
    pub(super) fn is_ticked(&self, var: &str) -> bool {
        matches!(self.one(var), Some("1" | "true"))
    }
}

/// A request.
pub(super) struct Order {
    pub(super) node: String,
    pub(super) action: Action,
    pub(super) session: Option<String>,
    pub(super) filled: Filled,
}

impl Order {
    pub(super) fn read(command: &Element) -> Result<Self, Fault> {
        let action = match command.attr("action") {
            None | Some("execute" | "next" | "complete") => Action::Go,
            Some("prev") => Action::Back,
            Some("cancel") => Action::Cancel,
            Some(_) => return Err(bad("there is no such action", "malformed-action")),
        };
        let form = command.get_child("x", xep::DATA_FORMS);
        Ok(Self {
            node: command.attr("node").unwrap_or_default().to_owned(),
            action,
            session: command.attr("sessionid").map(str::to_owned),
            filled: form.map(Filled::read).unwrap_or_default(),
        })
    }

    fn answer(&self, session: Option<&str>, status: &str) -> ElementBuilder {
        // XEP-0050 §2.4: each answer bears the session's id, also where there is but one step.
        let session = session.or(self.session.as_deref()).unwrap_or("done");
        Element::builder("command", NS)
            .attr(xml_ncname!("node").into(), self.node.as_str())
            .attr(xml_ncname!("sessionid").into(), session)
            .attr(xml_ncname!("status").into(), status)
    }

    pub(super) fn canceled(&self) -> Element {
        self.answer(None, "canceled").build()
    }

    pub(super) fn done(&self, report: &Report) -> Element {
        let note = Element::builder("note", NS)
            .attr(xml_ncname!("type").into(), "info")
            .append(report.note.as_str());
        self.answer(None, "completed")
            .append_all(report.table.as_ref().map(Table::form))
            .append(note)
            .build()
    }

    pub(super) fn asks(&self, session: &str, asking: &Asking) -> Element {
        let step = if asking.is_last { "complete" } else { "next" };
        let actions = Element::builder("actions", NS)
            .attr(xml_ncname!("execute").into(), step)
            .append(Element::builder(step, NS));
        self.answer(Some(session), "executing")
            .append(actions)
            .append(asking.form())
            .build()
    }
}

/// A form to be filled in.
pub(super) struct Asking {
    pub(super) title: &'static str,
    pub(super) instructions: String,
    pub(super) fields: Vec<Field>,
    /// Whether something is done when it comes back.
    pub(super) is_last: bool,
}

impl Asking {
    fn form(&self) -> Element {
        form("form", self.title)
            .append(data("instructions", &[]).append(self.instructions.as_str()))
            .append_all(self.fields.iter().map(Field::element))
            .build()
    }
}

/// A field of a form.
pub(super) enum Field {
    Text(&'static str, &'static str),
    Address(&'static str, &'static str),
    Tick(&'static str, &'static str),
    /// One of these: value and label. None is chosen beforehand.
    One(&'static str, &'static str, Vec<(String, String)>),
    /// Several of these: value and label.
    Several(&'static str, &'static str, Vec<(String, String)>),
}

impl Field {
    fn element(&self) -> Element {
        let (var, label, kind) = match self {
            Self::Text(var, label) => (var, label, "text-single"),
            Self::Address(var, label) => (var, label, "jid-single"),
            Self::Tick(var, label) => (var, label, "boolean"),
            Self::One(var, label, _) => (var, label, "list-single"),
            Self::Several(var, label, _) => (var, label, "list-multi"),
        };
        let names = [
            (xml_ncname!("var"), *var),
            (xml_ncname!("type"), kind),
            (xml_ncname!("label"), *label),
        ];
        let mut field = data("field", &names);
        if let Self::One(_, _, options) | Self::Several(_, _, options) = self {
            for (value, label) in options {
                let option = data("option", &[(xml_ncname!("label"), label)]);
                field = field.append(option.append(text("value", value)));
            }
        }
        if let Self::Tick(..) = self {
            field = field.append(text("value", "0"));
        }
        field.build()
    }
}

/// What came of a command.
pub(super) struct Report {
    pub(super) note: String,
    pub(super) table: Option<Table>,
}

impl Report {
    pub(super) fn note(note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            table: None,
        }
    }
}

/// Rows of values.
pub(super) struct Table {
    pub(super) title: &'static str,
    /// Name and label.
    pub(super) columns: Vec<(&'static str, &'static str)>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    fn form(&self) -> Element {
        let column = |(var, label): &(&str, &str)| {
            let names = [
                (xml_ncname!("var"), *var),
                (xml_ncname!("label"), *label),
                (xml_ncname!("type"), "text-single"),
            ];
            data("field", &names).build()
        };
        let item = |row: &Vec<String>| {
            let values = self.columns.iter().zip(row);
            let fields = values.map(|((var, _), value)| {
                data("field", &[(xml_ncname!("var"), var)]).append(text("value", value))
            });
            data("item", &[]).append_all(fields).build()
        };
        form("result", self.title)
            .append(data("reported", &[]).append_all(self.columns.iter().map(column)))
            .append_all(self.rows.iter().map(item))
            .build()
    }
}

fn form(kind: &str, title: &str) -> ElementBuilder {
    data("x", &[(xml_ncname!("type"), kind)]).append(text("title", title))
}

fn data(name: &str, attributes: &[(&NcNameStr, &str)]) -> ElementBuilder {
    let element = Element::builder(name, xep::DATA_FORMS);
    attributes.iter().fold(element, |element, (name, value)| {
        element.attr((*name).to_owned(), *value)
    })
}

fn text(name: &str, text: &str) -> Element {
    data(name, &[]).append(text).build()
}

/// XEP-0050 §4.4
fn bad(what: &str, condition: &str) -> Fault {
    let mut error = fault::bad_request(what);
    error.other = Some(Element::builder(condition, NS).build());
    error
}

pub(super) fn bad_session() -> Fault {
    bad(
        "begin again: this form was used, is too old, or is not yours",
        "bad-sessionid",
    )
}

pub(super) fn bad_action() -> Fault {
    bad("that cannot be done here", "bad-action")
}

pub(super) fn bad_payload(what: &str) -> Fault {
    bad(what, "bad-payload")
}
