//! People in control, from their chat clients: see what was granted, take one back, and its session ends while
//! the others go on.

use std::time::Duration;

use minidom::Element;
use xmpp_oauth::xmpp::c2s::Client;

use crate::site::{LIMIT, Site, ask, condition, ended};
use crate::support::prosody::{ALICE, BOB};
use crate::support::release::servers;
use crate::support::wait::until;

const NORMAL: &str = "openid xmpp:client:normal";
/// How soon a session ends whose grant was taken back.
const PROMPTLY: Duration = Duration::from_secs(2);
const CAM: &str = "urn:xmpp:cam:0";

fn list(to: &str) -> String {
    format!("<iq type='get' id='l' {to}><list xmlns='{CAM}'/></iq>")
}

fn revoke(id: &str) -> String {
    format!("<iq type='set' id='r'><revoke xmlns='{CAM}' id='{id}'/></iq>")
}

/// What `client` is told of its account's clients: each one's id and element.
async fn clients(client: &mut Client) -> Vec<(String, Element)> {
    let answer = ask(client, &list("")).await;
    let clients = answer
        .get_child("clients", CAM)
        .unwrap_or_else(|| panic!("{}", String::from(&answer)));
    clients
        .children()
        .map(|client| (client.attr("id").unwrap().to_owned(), client.clone()))
        .collect()
}

async fn goes_on(client: &mut Client) {
    let ping = "<iq type='get' id='on' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    assert_eq!(ask(client, ping).await.attr("type"), Some("result"));
}

#[tokio::test]
async fn a_client_lists_what_was_granted_and_takes_one_back() {
    for release in servers() {
        let site = Site::start(release).await;
        let (mut own, jid) = site.password_session(ALICE, Some("desk")).await;
        let (mut bob, _) = site.password_session(BOB, None).await;
        let tokens = site.tokens(NORMAL).await;
        let (mut phone, _) = site.session(&tokens.access).await;
        // The one that goes is the one that this list does not know yet.
        let before: Vec<_> = clients(&mut own).await;
        let other = site.tokens(NORMAL).await;
        let (mut tablet, _) = site.session(&other.access).await;
        let id = until("the new session to be known", LIMIT, async || {
            let now = clients(&mut own).await;
            let new = now
                .into_iter()
                .find(|(id, _)| before.iter().all(|(b, _)| b != id))?;
            (new.1.attr("connected") == Some("true")).then_some(new.0)
        })
        .await;
        let now = clients(&mut own).await;
        assert_eq!(
            now.len(),
            3,
            "{release}: two apps and the session with the password"
        );
        let has = |id: &str, name: &str| {
            let (_, client) = now.iter().find(|(known, _)| known == id).unwrap();
            client.get_child("auth", CAM).unwrap().has_child(name, CAM)
        };
        let own_id = now
            .iter()
            .find(|(id, _)| has(id, "password"))
            .unwrap()
            .0
            .clone();
        assert!(has(&id, "grant"), "{release}");
        assert!(
            own_id.ends_with(jid.resource().as_str()),
            "{release}: {own_id}"
        );

        // Nobody else's, and not by a session with less than the whole account.
        assert_eq!(
            condition(&ask(&mut bob, &revoke(&id)).await),
            "item-not-found",
            "{release}"
        );
        let others = ask(&mut bob, &list("to='alice@localhost'")).await;
        assert_eq!(others.attr("type"), Some("error"), "{release}");
        assert_eq!(clients(&mut bob).await.len(), 1, "{release}");
        for question in [list(""), list("to='alice@localhost'"), revoke(&id)] {
            let answer = ask(&mut phone, &question).await;
            assert_eq!(condition(&answer), "forbidden", "{release}: {question}");
        }

        let answer = ask(&mut own, &revoke(&own_id)).await;
        assert_eq!(condition(&answer), "service-unavailable", "{release}");
        let error = answer.get_child("error", "jabber:client").unwrap();
        assert!(error.has_child("password-reset-required", CAM), "{release}");

        let answer = ask(&mut own, &revoke(&id)).await;
        assert_eq!(answer.attr("type"), Some("result"), "{release}");
        let (took, _) = ended(&mut tablet).await;
        assert!(took < PROMPTLY, "{release}: {took:?}");
        goes_on(&mut phone).await;
        goes_on(&mut own).await;
        assert!(!site.logs_in(&other.access).await, "{release}");
        assert_eq!(
            site.refresh(&other.client_id, &other.refresh).await.status,
            400,
            "{release}"
        );
        assert!(site.logs_in(&tokens.access).await, "{release}");
        assert!(
            !clients(&mut own)
                .await
                .iter()
                .any(|(known, _)| *known == id),
            "{release}"
        );
        assert_eq!(
            condition(&ask(&mut own, &revoke(&id)).await),
            "item-not-found",
            "{release}"
        );
    }
}

#[tokio::test]
async fn a_server_says_that_clients_can_be_managed_and_by_whom_it_is_done() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let (mut own, _) = site.password_session(ALICE, None).await;
        for to in ["localhost", "alice@localhost"] {
            let info = format!(
                "<iq type='get' id='d' to='{to}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
            );
            let answer = String::from(&ask(&mut own, &info).await);
            assert!(answer.contains(CAM), "{release}: {to}: {answer}");
        }
        site.program.kill9();
        let answer = ask(&mut own, &list("")).await;
        let temporary = [
            "remote-server-timeout",
            "service-unavailable",
            "recipient-unavailable",
        ];
        assert!(
            temporary.contains(&condition(&answer).as_str()),
            "{release}: {}",
            String::from(&answer)
        );
        goes_on(&mut own).await;
    }
}

pub(crate) const COMMANDS: &str = "http://jabber.org/protocol/commands";

pub(crate) fn command(node: &str, rest: &str, form: &str) -> String {
    format!(
        "<iq type='set' id='c' to='oauth.localhost'><command xmlns='{COMMANDS}' \
         node='urn:xmpp-oauth:command:0#{node}' {rest}>{form}</command></iq>"
    )
}

#[tokio::test]
async fn a_client_of_today_takes_back_by_a_command_and_a_limited_session_cannot() {
    for release in servers() {
        let site = Site::start(release).await;
        let (first, second) = (site.tokens(NORMAL).await, site.tokens(NORMAL).await);
        let (mut phone, _) = site.session(&first.access).await;
        let (mut tablet, _) = site.session(&second.access).await;
        for node in ["apps", "revoke-all-apps"] {
            let answer = ask(&mut phone, &command(node, "", "")).await;
            assert_eq!(condition(&answer), "forbidden", "{release}: {node}");
        }
        let (mut own, _) = site.password_session(ALICE, None).await;
        // The newest is the first of XEP-0494's list and of the form's alike.
        let listed = clients(&mut own).await;
        let newest = &listed[0].0;
        let answer = ask(&mut own, &command("revoke-apps", "action='execute'", "")).await;
        let asks = answer.get_child("command", COMMANDS).unwrap();
        assert!(String::from(asks).contains(newest.as_str()), "{release}");
        let session = format!(
            "sessionid='{}' action='complete'",
            asks.attr("sessionid").unwrap()
        );
        let form = format!(
            "<x xmlns='jabber:x:data' type='submit'><field var='apps'><value>{newest}</value></field></x>"
        );
        let answer = ask(&mut own, &command("revoke-apps", &session, &form)).await;
        let done = answer.get_child("command", COMMANDS).unwrap();
        assert_eq!(done.attr("status"), Some("completed"), "{release}");
        let (took, _) = ended(&mut tablet).await;
        assert!(took < PROMPTLY, "{release}: {took:?}");
        goes_on(&mut phone).await;
        assert!(!site.logs_in(&second.access).await, "{release}");
        let replayed = ask(&mut own, &command("revoke-apps", &session, &form)).await;
        assert_eq!(condition(&replayed), "bad-request", "{release}");
        goes_on(&mut phone).await;
    }
}

#[tokio::test]
async fn a_client_library_that_others_wrote_takes_an_app_back() {
    for release in servers() {
        let site = Site::start(release).await;
        let (first, second) = (site.tokens(NORMAL).await, site.tokens(NORMAL).await);
        let (mut phone, _) = site.session(&first.access).await;
        let (mut tablet, _) = site.session(&second.access).await;
        let c2s = site.server.c2s();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/adhoc.py");
        // Debian's, which has the library.
        let run = tokio::process::Command::new("/usr/bin/python3")
            .arg(script)
            .args([c2s.ip().to_string(), c2s.port().to_string()])
            .args(["alice@localhost", ALICE.password, "oauth.localhost"])
            .kill_on_drop(true)
            .output();
        let run = tokio::time::timeout(LIMIT * 3, run)
            .await
            .expect("it should be done")
            .unwrap();
        let complaint = String::from_utf8_lossy(&run.stderr);
        assert!(
            run.status.success(),
            "{release}: run tools/install clients? {complaint}"
        );
        let said: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(
            said["commands"].as_array().unwrap().len(),
            4,
            "{release}: {said}"
        );
        assert_eq!(
            said["apps"].as_array().unwrap().len(),
            2,
            "{release}: {said}"
        );
        assert_eq!(said["status"], "completed", "{release}: {said}");
        ended(&mut tablet).await;
        goes_on(&mut phone).await;
        let (mut own, _) = site.password_session(ALICE, None).await;
        let left = clients(&mut own).await;
        assert!(
            left.iter().all(|(id, _)| said["apps"][0] != *id),
            "{release}"
        );
        assert!(
            left.iter().any(|(id, _)| said["apps"][1] == *id),
            "{release}: the same ids"
        );
    }
}
