//! Several processes behind one server, each a component: which of them is asked, who is told, whom it obeys.
//! They are played here, so that one can be silent, refuse, or be gone.

use std::time::{Duration, Instant};

use minidom::Element;
use tokio::task::JoinHandle;
use xmpp_oauth::secrets::Secret;
use xmpp_oauth::xmpp::c2s::{Bearer, C2sError, Client};

use crate::played::{ACCEPT, ACCOUNT, Component, connect, error, success};
use crate::site::{LIMIT, Site, ask, condition, ended};
use crate::support::prosody::{ALICE, COMPONENT, HOST, SECOND, STRANGER};
use crate::support::release::{Release, servers};
use crate::support::server::{Server, Wish};

/// The modules' time-out.
const TIMEOUT: Duration = Duration::from_secs(5);
/// For a slow machine, on top of a promise.
const GRACE: Duration = Duration::from_secs(2);

async fn server(release: Release) -> Server {
    Wish::of(release).with_components(2).start().await
}

async fn both(server: &Server) -> [Component; 2] {
    [
        Component::welcomed_as(COMPONENT, server).await,
        Component::welcomed_as(SECOND, server).await,
    ]
}

type Login = JoinHandle<(Result<Bearer, C2sError>, Client, Duration)>;

/// A client that shows a token; what it is told, and how long that takes.
async fn login(server: &Server) -> Login {
    let mut client = connect(server).await;
    tokio::spawn(async move {
        let since = Instant::now();
        let said = client.oauthbearer(None, Some("xoa_x")).await;
        (said, client, since.elapsed())
    })
}

/// Which of them is asked about a token, and the request.
async fn asked(components: &mut [Component; 2]) -> (usize, Element) {
    let [one, two] = components;
    tokio::select! {
        iq = one.request("authenticate") => (0, iq),
        iq = two.request("authenticate") => (1, iq),
    }
}

/// Logs in by whichever is asked: which it was.
async fn log_in(server: &Server, components: &mut [Component; 2], grant: &str) -> (usize, Client) {
    let login = login(server).await;
    let (which, iq) = asked(components).await;
    let component = &mut components[which];
    component.reply(&iq, "result", &success(grant)).await;
    let (said, client, _) = login.await.unwrap();
    assert_eq!(said.unwrap(), Bearer::Success);
    (which, client)
}

/// The session that a report is about: its grant and state.
fn reported(iq: &Element) -> [&str; 2] {
    let session = iq.get_child("session", ACCOUNT).unwrap();
    ["grant", "state"].map(|name| session.attr(name).unwrap())
}

fn is_refused(said: &Result<Bearer, C2sError>) -> bool {
    matches!(said, Err(C2sError::Refused(why)) if why == "temporary-auth-failure")
}

#[tokio::test]
async fn logins_take_turns_and_go_on_with_the_other_when_one_is_killed() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        let (first, _one) = log_in(&server, &mut components, "g").await;
        let (then, _two) = log_in(&server, &mut components, "g").await;
        assert_ne!(first, then, "{release}");

        // killed while it is asked
        let login = login(&server).await;
        let (which, _) = asked(&mut components).await;
        let [one, two] = components;
        let (name, dying, mut other) = match which {
            0 => (COMPONENT, one, two),
            _ => (SECOND, two, one),
        };
        drop(dying);
        let iq = other.request("authenticate").await;
        other.reply(&iq, "result", &success("g")).await;
        let (said, _client, took) = login.await.unwrap();
        assert_eq!(said.unwrap(), Bearer::Success, "{release}");
        assert!(took < GRACE, "{release}: {took:?}");

        // and not asked while it is away
        for _ in 0..2 {
            let login = self::login(&server).await;
            let iq = other.request("authenticate").await;
            other.reply(&iq, "result", &success("g")).await;
            let (said, _, took) = login.await.unwrap();
            assert_eq!(said.unwrap(), Bearer::Success, "{release}");
            assert!(took < GRACE, "{release}: {took:?}");
        }

        // but as soon as it is back
        let back = Component::welcomed_as(name, &server).await;
        let mut components = [back, other];
        let (first, _one) = log_in(&server, &mut components, "g").await;
        let (then, _two) = log_in(&server, &mut components, "g").await;
        assert_ne!(first, then, "{release}: it is used again");
    }
}

#[tokio::test]
async fn one_that_was_never_there_costs_no_time() {
    for release in servers() {
        let server = server(release).await;
        let mut second = Component::welcomed_as(SECOND, &server).await;
        for _ in 0..3 {
            let login = login(&server).await;
            let iq = second.request("authenticate").await;
            second.reply(&iq, "result", &success("g")).await;
            let (said, _, took) = login.await.unwrap();
            assert_eq!(said.unwrap(), Bearer::Success, "{release}");
            assert!(took < GRACE, "{release}: {took:?}");
        }
    }
}

#[tokio::test]
async fn one_that_is_silent_costs_its_share_once_and_is_tried_again_later() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        let login = login(&server).await;
        let (silent, _) = asked(&mut components).await;
        let other = 1 - silent;
        let iq = components[other].request("authenticate").await;
        components[other].reply(&iq, "result", &success("g")).await;
        let (said, _client, took) = login.await.unwrap();
        assert_eq!(said.unwrap(), Bearer::Success, "{release}");
        assert!(took < TIMEOUT, "{release}: {took:?}");

        // left alone for a while
        for _ in 0..3 {
            let (which, _client) = log_in(&server, &mut components, "g").await;
            assert_eq!(which, other, "{release}");
        }
        let trying = async { while log_in(&server, &mut components, "g").await.0 != silent {} };
        let tried = tokio::time::timeout(LIMIT, trying).await;
        assert!(tried.is_ok(), "{release}: it is never used again");
    }
}

#[tokio::test]
async fn when_all_are_silent_a_login_ends_within_its_time_and_a_late_answer_counts() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        let waiting = login(&server).await;
        let (first, late) = asked(&mut components).await;
        let second = 1 - first;
        components[second].request("authenticate").await;
        components[first]
            .reply(&late, "result", &success("g"))
            .await;
        let (said, _client, _) = waiting.await.unwrap();
        assert_eq!(
            said.unwrap(),
            Bearer::Success,
            "{release}: it is slow, no more"
        );

        let (said, _client, took) = login(&server).await.await.unwrap();
        assert!(is_refused(&said), "{release}: {said:?}");
        assert!(took < TIMEOUT + GRACE, "{release}: {took:?}");
    }
}

#[tokio::test]
async fn one_that_refuses_or_fails_is_no_answer_and_a_verdict_is() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        for trouble in [
            error("auth", "forbidden"),
            error("wait", "internal-server-error"),
            error("wait", "resource-constraint"),
            error("cancel", "service-unavailable"),
        ] {
            let login = login(&server).await;
            let (ill, iq) = asked(&mut components).await;
            components[ill].reply(&iq, "error", &trouble).await;
            let iq = components[1 - ill].request("authenticate").await;
            components[1 - ill]
                .reply(&iq, "result", &success("g"))
                .await;
            let (said, _client, took) = login.await.unwrap();
            assert_eq!(said.unwrap(), Bearer::Success, "{release}: {trouble}");
            assert!(took < GRACE, "{release}: {trouble}: {took:?}");
        }

        // the other one would say the same
        let login = login(&server).await;
        let (which, iq) = asked(&mut components).await;
        let malformed = error("modify", "bad-request");
        components[which].reply(&iq, "error", &malformed).await;
        let (said, _client, took) = login.await.unwrap();
        assert!(
            matches!(&said, Err(C2sError::Refused(why)) if why == "malformed-request"),
            "{release}: {said:?}"
        );
        assert!(took < GRACE, "{release}: {took:?}");
    }
}

#[tokio::test]
async fn a_session_ends_by_whichever_was_asked_also_when_the_one_it_came_by_is_gone() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        let mut sessions = Vec::new();
        for grant in ["a", "b"] {
            let (which, client) = log_in(&server, &mut components, grant).await;
            let (client, _) = client.bind(None).await.unwrap();
            for component in &mut components {
                let opened = component.request("session").await;
                assert_eq!(
                    reported(&opened),
                    [grant, "open"],
                    "{release}: all are told"
                );
                component.pass(&opened).await;
            }
            sessions.push((which, grant, client));
        }
        // the other one, with the one that knows it alive, and killed
        let (which, grant, mut client) = sessions.remove(0);
        let end =
            |grant| format!("<end-sessions xmlns='{ACCOUNT}' username='alice' grant='{grant}'/>");
        let answer = components[1 - which].ask("set", &end(grant)).await;
        let count = answer.get_child("ended", ACCOUNT).unwrap().attr("count");
        assert_eq!(count, Some("1"), "{release}");
        ended(&mut client).await;
        let closed = components[which].request("session").await;
        assert_eq!(reported(&closed), [grant, "closed"], "{release}");

        let (which, grant, mut client) = sessions.remove(0);
        let [one, two] = components;
        let (killed, mut left) = if which == 0 { (one, two) } else { (two, one) };
        drop(killed);
        let answer = left.ask("set", &end(grant)).await;
        let count = answer.get_child("ended", ACCOUNT).unwrap().attr("count");
        assert_eq!(count, Some("1"), "{release}");
        ended(&mut client).await;
    }
}

#[tokio::test]
async fn any_of_them_says_that_a_grant_has_ended_and_the_rest_is_told_at_its_link_up() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        let (which, client) = log_in(&server, &mut components, "a").await;
        let (mut client, _) = client.bind(None).await.unwrap();
        let by = components[which].request("session").await;
        components[which].pass(&by).await;
        let opened = components[1 - which].request("session").await;
        let gone = format!("<gone xmlns='{ACCOUNT}'/>");
        components[1 - which].reply(&opened, "result", &gone).await;
        let (_, why) = ended(&mut client).await;
        assert!(why.contains("not-authorized"), "{release}: {why}");

        // the one that was told of a session is killed before it has answered
        let (which, client) = log_in(&server, &mut components, "b").await;
        let (mut client, _) = client.bind(None).await.unwrap();
        for component in &mut components {
            while reported(&component.request("session").await) != ["b", "open"] {}
        }
        let [one, two] = components;
        let (name, killed, _left) = match which {
            0 => (COMPONENT, one, two),
            _ => (SECOND, two, one),
        };
        drop(killed);
        let mut back = Component::welcomed_as(name, &server).await;
        let list = back.request("sessions").await;
        let session = list.get_child("sessions", ACCOUNT).unwrap();
        let session = session.children().next().unwrap();
        assert_eq!(session.attr("grant"), Some("b"), "{release}");
        let told = ["username", "resource", "grant"]
            .map(|name| format!("{name}='{}'", session.attr(name).unwrap()));
        let gone = format!(
            "<sessions xmlns='{ACCOUNT}'><gone {}/></sessions>",
            told.join(" ")
        );
        back.reply(&list, "result", &gone).await;
        ended(&mut client).await;
    }
}

#[tokio::test]
async fn a_component_that_is_not_in_the_list_is_refused() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        let (_, client) = log_in(&server, &mut components, "g").await;
        let (_client, _) = client.bind(None).await.unwrap();
        let mut stranger = Component::join_as(STRANGER, &server).await;
        for (kind, name) in [
            ("get", "check-password"),
            ("get", "accounts"),
            ("get", "hello"),
            ("set", "end-sessions"),
        ] {
            let question = format!("<{name} xmlns='{ACCOUNT}' username='alice'/>");
            let answer = stranger.ask(kind, &question).await;
            let refused = answer.get_child("error", ACCEPT).expect("a refusal");
            let is_forbidden = refused.children().any(|child| child.name() == "forbidden");
            assert!(is_forbidden, "{release}: {name}");
        }
        // while each of the two may ask
        for component in &mut components {
            let question =
                format!("<accounts xmlns='{ACCOUNT}'><account username='alice'/></accounts>");
            let answer = component.ask("get", &question).await;
            assert_eq!(answer.attr("type"), Some("result"), "{release}");
        }
    }
}

#[tokio::test]
async fn a_chat_clients_scope_holds_at_each_of_them() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        let (_, client) = log_in(&server, &mut components, "g").await;
        let (mut client, _) = client.bind(None).await.unwrap();
        for name in [COMPONENT, SECOND] {
            let command = format!(
                "<iq type='set' id='c{name}' to='{name}'><command xmlns='http://jabber.org/protocol/commands' \
                 node='urn:xmpp-oauth:command:0#revoke-all-apps' action='execute'/></iq>"
            );
            let answer = ask(&mut client, &command).await;
            assert_eq!(condition(&answer), "forbidden", "{release}: {name}");
        }
    }
}

/// Changes alice's password within the server.
async fn change_password(server: &Server, password: &str) {
    match server {
        Server::Prosody(server) => server.set_password("alice@localhost", password).await,
        Server::Ejabberd(server) => server.set_password("alice", HOST, password).await,
    }
}

fn nothing_much() -> String {
    format!("<accounts xmlns='{ACCOUNT}'/>")
}

/// Joins again, and sees all that it is told then.
async fn told_at_link_up(name: &'static str, server: &Server) -> (Component, Vec<String>) {
    let mut component = Component::welcomed_as(name, server).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        told.extend(
            component
                .told_before_the_answer("get", &nothing_much())
                .await,
        );
    }
    (component, told)
}

#[tokio::test]
async fn a_changed_password_is_told_to_all_and_again_only_if_none_has_confirmed_it() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        let (_, client) = log_in(&server, &mut components, "g").await;
        let (_client, _) = client.bind(None).await.unwrap();
        change_password(&server, "one").await;
        let [mut one, mut two] = components;
        two.request("account-changed").await;
        let changed = one.request("account-changed").await;
        one.pass(&changed).await;
        one.ask("get", &nothing_much()).await; // it has been heard
        drop(two);
        // grants that were given since must not end with those from before
        let (mut two, told) = told_at_link_up(SECOND, &server).await;
        assert!(
            !told.iter().any(|name| name == "account-changed"),
            "{release}: {told:?}"
        );

        change_password(&server, "two").await;
        one.request("account-changed").await;
        two.request("account-changed").await;
        drop(two);
        let mut two = Component::welcomed_as(SECOND, &server).await;
        let again = two.request("account-changed").await;
        let payload = again.get_child("account-changed", ACCOUNT).unwrap();
        let told = ["username", "what"].map(|name| payload.attr(name).unwrap());
        assert_eq!(told, ["alice", "password"], "{release}");
    }
}

#[tokio::test]
async fn the_list_of_apps_comes_from_whichever_answers() {
    for release in servers() {
        let server = server(release).await;
        let mut components = both(&server).await;
        let mut client = connect(&server).await;
        let password = Secret::new(ALICE.password);
        let plain = ["PLAIN".to_owned()];
        client
            .password(ALICE.name, &password, &plain)
            .await
            .unwrap();
        let (mut client, _) = client.bind(None).await.unwrap();
        let list = "<iq type='get' id='l'><list xmlns='urn:xmpp:cam:0'/></iq>";
        let listing = tokio::spawn(async move { ask(&mut client, list).await });
        let [one, two] = &mut components;
        let silent = tokio::select! {
            _ = one.request("client-access") => 0,
            _ = two.request("client-access") => 1,
        };
        let answerer = &mut components[1 - silent];
        let iq = answerer.request("client-access").await;
        let clients = "<clients xmlns='urn:xmpp:cam:0'><client id='g'/></clients>";
        answerer.reply(&iq, "result", clients).await;
        let answer = listing.await.unwrap();
        let clients = answer.get_child("clients", "urn:xmpp:cam:0").unwrap();
        let listed: Vec<_> = clients.children().map(|client| client.attr("id")).collect();
        assert!(listed.contains(&Some("g")), "{release}: {listed:?}");
    }
}

#[tokio::test]
async fn the_program_is_one_of_several() {
    for release in servers() {
        let mut site = Site::on(server(release).await, "").await;
        let tokens = site.tokens("openid xmpp:client:normal").await;
        let mut other = Component::welcomed_as(SECOND, &site.server).await;
        let known = async |site: &Site, token: &str| {
            let since = Instant::now();
            assert!(site.logs_in(token).await, "{release}");
            assert!(
                since.elapsed() < TIMEOUT,
                "{release}: {:?}",
                since.elapsed()
            );
        };
        // the other says nothing
        known(&site, &tokens.access).await;
        known(&site, &tokens.access).await;
        let (mut chat, _) = site.session(&tokens.access).await;
        let end = format!("<end-sessions xmlns='{ACCOUNT}' username='alice'/>");
        other.ask("set", &end).await;
        ended(&mut chat).await;
        let (mut chat, _) = site.session(&tokens.access).await;
        site.program.kill9();
        site.program.start().await;
        site.revoke(&tokens).await;
        ended(&mut chat).await;
        drop(other);
        assert!(!site.logs_in(&tokens.access).await, "{release}");
    }
}
