//! The namespaces of `docs/protocol.md`; those of the XEPs are `xmpp_parsers::ns`.

/// Hello, passwords, accounts, sessions.
pub(super) const ACCOUNT: &str = "urn:xmpp-oauth:account:0";
/// SASL OAUTHBEARER messages.
pub(super) const BEARER: &str = "urn:xmpp-oauth:sasl:0";
/// RFC 7662 over XMPP.
pub(super) const INTROSPECTION: &str = "urn:xmpp-oauth:introspection:0";
/// JSON in XML (XEP-0335).
pub(super) const JSON: &str = "urn:xmpp:json:0";
/// Namespace delegation (XEP-0355), as Prosody's module speaks it and as ejabberd's does.
pub(super) const DELEGATION: [&str; 2] = ["urn:xmpp:delegation:2", "urn:xmpp:delegation:1"];
