//! The sections about this machine: the link, the XMPP server and the listeners.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use jid::{BareJid, DomainPart};

use super::reader::Section;
use super::values::{
    Value, domain, expected, filled_in, host_and_port, host_of, is_loopback, one_of, public_url,
    quoted,
};
use super::{Authentication, C2s, C2sTls, Component, Fetch, Http, Xmpp};

pub(super) fn component(section: &Section<'_>, file: Option<&Path>) -> Option<Component> {
    let jid = section.required(
        "jid",
        "the component's domain in the server's config",
        domain,
    );
    let secret = section.secret("secret", "secret_file", filled_in);
    if !section.has("secret_file") {
        section.require(
            "secret",
            "the component's secret in the server's config (or component.secret_file, a file \
             with it)",
        );
    }
    warn_of_secret_in(section, "secret", file);
    let server = section
        .text("server", host_and_port)
        .unwrap_or_else(|| "127.0.0.1:5347".to_owned());
    let allow_plaintext_network = section.flag("allow_plaintext_network").unwrap_or(false);
    if !is_loopback(host_of(&server)) && !allow_plaintext_network {
        section.problem(
            "server",
            &format!(
                "must be on loopback (127.0.0.1, [::1], localhost), not {}: the link is plaintext \
                 and carries passwords. Where a tunnel protects it, set \
                 component.allow_plaintext_network = true",
                quoted(&server)
            ),
        );
    }
    let max_stanza_size = section
        .number("max_stanza_size", 10_000..=16 * 1024 * 1024)
        .unwrap_or(512 * 1024);
    let timeout = section
        .duration("timeout", "1s", "1m")
        .unwrap_or(Duration::from_secs(5));
    Some(Component {
        jid: jid?,
        secret: secret?,
        server,
        allow_plaintext_network,
        max_stanza_size,
        timeout,
    })
}

/// A secret in the config file itself is as private as the file.
pub(super) fn warn_of_secret_in(section: &Section<'_>, key: &str, file: Option<&Path>) {
    if let Some(file) = file.filter(|_| section.has(key)) {
        section.warn_if_others_can_read(file);
    }
}

pub(super) fn xmpp(section: &Section<'_>, component: Option<&jid::DomainRef>) -> Option<Xmpp> {
    section.require(
        "hosts",
        "the domains whose accounts may log in, such as [\"example.com\"]",
    );
    let hosts = section.list("hosts", |text| {
        let host = domain(text)?;
        if component.is_some_and(|jid| jid.as_str() == host.as_str()) {
            return Err(format!(
                "is component.jid itself: {} has no accounts",
                quoted(text)
            ));
        }
        Ok(host)
    });
    if hosts.as_ref().is_some_and(Vec::is_empty) {
        section.problem("hosts", "must name at least one domain");
    }
    let hosts = hosts.unwrap_or_default();
    let admins = section.list("admins", |text| admin(text, &hosts));
    let authentication = section
        .text("authentication", |text| {
            one_of(
                &[
                    ("module", Authentication::Module),
                    ("c2s", Authentication::C2s),
                ],
                text,
            )
        })
        .unwrap_or(Authentication::Module);
    let max_password_checks = section
        .number("max_password_checks", 1..=1000)
        .unwrap_or(16);
    let c2s = section.section("c2s", |section| c2s(section, &hosts));
    let validate_hosts = section.list("validate_hosts", |text| one_of_hosts(text, &hosts));
    let validate_hosts = validate_hosts.unwrap_or_default();
    // By itself such a host checks passwords here, if at all.
    if !validate_hosts.is_empty()
        && (authentication != Authentication::C2s || c2s.address.is_none())
    {
        section.problem(
            "validate_hosts",
            "names hosts that keep no passwords: set xmpp.authentication = \"c2s\", and \
             xmpp.c2s.address to the server that keeps them",
        );
    }
    Some(Xmpp {
        hosts,
        validate_hosts,
        admins: admins.unwrap_or_default(),
        authentication,
        c2s,
        max_password_checks,
    })
}

fn one_of_hosts(text: &str, hosts: &[DomainPart]) -> Value<DomainPart> {
    let host = domain(text)?;
    match hosts.contains(&host) {
        true => Ok(host),
        false => Err(format!("must be one of xmpp.hosts, not {}", quoted(text))),
    }
}

/// An account whose `from` nobody but a served host can stamp.
fn admin(text: &str, hosts: &[DomainPart]) -> Value<BareJid> {
    let account = text.parse::<BareJid>().ok();
    let is_served = |jid: &BareJid| {
        jid.node().is_some()
            && hosts
                .iter()
                .any(|host| host.as_str() == jid.domain().as_str())
    };
    account.filter(is_served).ok_or_else(|| {
        format!(
            "must be an account of one of xmpp.hosts, such as \"admin@example.com\", not {}",
            quoted(text)
        )
    })
}

fn c2s(section: &Section<'_>, hosts: &[DomainPart]) -> C2s {
    let address = section.text("address", host_and_port);
    let tls = section
        .text("tls", |text| {
            one_of(
                &[
                    ("starttls", C2sTls::Starttls),
                    ("direct", C2sTls::Direct),
                    ("none", C2sTls::None),
                ],
                text,
            )
        })
        .unwrap_or(C2sTls::Starttls);
    let on_loopback = match &address {
        Some(address) => is_loopback(host_of(address)),
        None => hosts.iter().all(|host| is_loopback(host.as_str())),
    };
    if tls == C2sTls::None && !on_loopback {
        section.problem(
            "tls",
            "may be \"none\" only with xmpp.c2s.address on loopback (127.0.0.1, [::1], localhost): \
             passwords would travel in the open",
        );
    }
    let ca_file = existing(section, "ca_file", "a file", Path::is_file);
    let mechanisms = section
        .list("mechanisms", |text| {
            one_of(&MECHANISMS.map(|name| (name, name)), text).map(str::to_owned)
        })
        .unwrap_or_else(|| MECHANISMS.map(str::to_owned).to_vec());
    if mechanisms.is_empty() {
        section.problem("mechanisms", "must name at least one mechanism");
    }
    C2s {
        address,
        tls,
        ca_file,
        mechanisms,
    }
}

/// The SASL mechanisms that can check a password, the best first.
const MECHANISMS: [&str; 3] = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"];

pub(super) fn fetch(section: &Section<'_>) -> Fetch {
    Fetch {
        allow_private: section.flag("allow_private").unwrap_or(false),
        ca_file: existing(section, "ca_file", "a file", Path::is_file),
    }
}

/// A path to something that must be there.
pub(super) fn existing(
    section: &Section<'_>,
    key: &'static str,
    what: &str,
    is_there: impl FnOnce(&Path) -> bool,
) -> Option<PathBuf> {
    let path = section.path(key)?;
    if !is_there(&path) {
        section.problem(
            key,
            &format!("must be {what} that exists, unlike {}", path.display()),
        );
    }
    Some(path)
}

pub(super) fn http(section: &Section<'_>) -> Option<Http> {
    let listen = section
        .text("listen", listening)
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8480)));
    let public_url = section.required(
        "public_url",
        "the URL under which people and clients reach this, such as \"https://auth.example.com\"",
        public_url,
    );
    let trusted_proxies = section
        .list("trusted_proxies", |text| {
            network(text).ok_or_else(|| {
                let network = "an IP address or a network such as \"10.0.0.0/8\"";
                expected(network, &quoted(text))
            })
        })
        .unwrap_or_else(|| {
            vec![
                IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            ]
        });
    let ops_listen = section
        .text("ops_listen", |text| match text {
            "none" => Ok(None),
            _ => listening(text)
                .map(Some)
                .map_err(|wrong| wrong.replacen("must be ", "must be \"none\" or ", 1)),
        })
        .unwrap_or_else(|| Some(SocketAddr::from(([127, 0, 0, 1], 8481))));
    if ops_listen == Some(listen) && listen.port() != 0 {
        section.problem(
            "ops_listen",
            "must differ from http.listen: health and metrics are not for the public",
        );
    }
    Some(Http {
        listen,
        public_url: public_url?,
        trusted_proxies,
        ops_listen,
    })
}

/// An address is a network of one; IPv4 written as IPv6 is IPv4, as it is among the addresses that ask.
/// The whole world is none: everybody would be believed about who they are.
fn network(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => text.parse().ok().filter(|net: &IpNet| net.prefix_len() > 0),
    }
}

fn listening(text: &str) -> Value<SocketAddr> {
    text.parse().map_err(|_| {
        expected(
            "an IP address and a port such as \"127.0.0.1:8480\" or \"[::]:8480\"",
            &quoted(text),
        )
    })
}
