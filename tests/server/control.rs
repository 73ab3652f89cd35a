//! People in control, from their chat clients: see what was granted, take one back, and its session ends while
//! the others go on.

use std::collections::BTreeSet;
use std::time::Duration;

use minidom::Element;
use xmpp_oauth::xmpp::c2s::Client;

use crate::answers::hidden;
use crate::site::{LIMIT, Site, ask, condition, ended};
use crate::support::http::Http;
use crate::support::prosody::{ALICE, BOB};
use crate::support::release::servers;
use crate::support::server::Wish;
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

/// One of the four ways to the same list.
#[derive(Clone, Copy, Debug)]
enum Way {
    Page,
    Cam,
    Command,
    Cli,
}

const WAYS: [Way; 4] = [Way::Page, Way::Cam, Way::Command, Way::Cli];

/// Alice with her browser and her chat client.
struct Owner<'a> {
    site: &'a Site,
    browser: Http,
    chat: Client,
}

impl Owner<'_> {
    /// The form of the command that takes apps back, as it is sent.
    async fn form(&mut self) -> Element {
        let answer = ask(
            &mut self.chat,
            &command("revoke-apps", "action='execute'", ""),
        )
        .await;
        answer.get_child("command", COMMANDS).unwrap().clone()
    }

    /// The ids of her apps.
    async fn sees(&mut self, way: Way) -> BTreeSet<String> {
        match way {
            Way::Page => {
                let page = self.browser.get(&self.site.program.url("/account")).await;
                let text = page.text().replace("&#x2f;", "/");
                let links = text.split("href=\"/account/apps/").skip(1);
                links
                    .map(|link| link.split_once('"').unwrap().0.to_owned())
                    .collect()
            }
            Way::Cam => {
                let clients = clients(&mut self.chat).await.into_iter();
                let is_app = |client: &Element| {
                    let auth = client.get_child("auth", CAM).unwrap();
                    auth.has_child("grant", CAM)
                };
                clients
                    .filter(|(_, client)| is_app(client))
                    .map(|(id, _)| id)
                    .collect()
            }
            Way::Command => {
                let command = self.form().await;
                let form = command.get_child("x", "jabber:x:data").unwrap();
                let mut fields = form.children();
                let apps = fields.find(|field| field.attr("var") == Some("apps"));
                let options = apps.map(Element::children).into_iter().flatten();
                options
                    .filter(|option| option.name() == "option")
                    .map(|option| option.get_child("value", "jabber:x:data").unwrap().text())
                    .collect()
            }
            Way::Cli => ids(self.site).await.into_iter().collect(),
        }
    }

    async fn takes_back(&mut self, way: Way, id: &str) {
        match way {
            Way::Page => {
                let url = self.site.program.url(&format!("/account/apps/{id}"));
                let page = self.browser.get(&url).await;
                let ticket = hidden(&page, "ticket");
                let answer = self.browser.post_form(&url, &[("ticket", &ticket)]).await;
                assert_eq!(answer.status, 303, "{}", answer.text());
            }
            Way::Cam => {
                let answer = ask(&mut self.chat, &revoke(id)).await;
                assert_eq!(answer.attr("type"), Some("result"));
            }
            Way::Command => {
                let asked = self.form().await;
                let session = asked.attr("sessionid").unwrap();
                let session = format!("sessionid='{session}' action='complete'");
                let form = format!(
                    "<x xmlns='jabber:x:data' type='submit'><field var='apps'><value>{id}</value></field></x>"
                );
                let answer = ask(&mut self.chat, &command("revoke-apps", &session, &form)).await;
                let done = answer.get_child("command", COMMANDS).unwrap();
                assert_eq!(done.attr("status"), Some("completed"));
            }
            Way::Cli => {
                let output = self.site.program.run(&["grants", "revoke", id]).await;
                assert!(output.status.success(), "{output:?}");
            }
        }
    }
}

/// The ids of all grants, the newest first, as the operator sees them.
async fn ids(site: &Site) -> Vec<String> {
    let listed = site.program.run(&["grants", "list", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let grants = listed.as_array().unwrap().iter();
    grants
        .map(|grant| grant["id"].as_str().unwrap().to_owned())
        .collect()
}

/// What whoever is allowed to ask over the link is told of a token.
async fn is_active(rest: &mut Client, token: &str) -> bool {
    let question = format!(
        "<iq type='get' id='i' to='oauth.localhost'><introspect xmlns='urn:xmpp-oauth:introspection:0'>\
         <token>{token}</token></introspect></iq>"
    );
    String::from(&ask(rest, &question).await).contains("\"active\":true")
}

#[tokio::test]
async fn each_of_the_four_ways_shows_the_same_apps_and_takes_one_back() {
    for release in servers() {
        let more = "[introspection]\nallowed = [\"bob@localhost/rest\"]";
        let site = Site::with(Wish::of(release), more).await;
        let (mut rest, _) = site.password_session(BOB, Some("rest")).await;
        let stays = site.tokens(NORMAL).await;
        let (mut phone, _) = site.session(&stays.access).await;
        let mut alice = Owner {
            site: &site,
            browser: Http::new(),
            chat: site.password_session(ALICE, None).await.0,
        };
        let login = site.program.url("/login");
        site.log_in(&mut alice.browser, &login, ALICE).await;
        for way in WAYS {
            let tokens = site.tokens(NORMAL).await;
            let (mut tablet, _) = site.session(&tokens.access).await;
            let id = ids(&site).await.remove(0);
            let mut all = BTreeSet::from([ids(&site).await.remove(1), id.clone()]);
            for seen_by in WAYS {
                assert_eq!(alice.sees(seen_by).await, all, "{release}: {seen_by:?}");
            }
            assert!(is_active(&mut rest, &tokens.access).await, "{release}");

            alice.takes_back(way, &id).await;
            let (took, _) = ended(&mut tablet).await;
            assert!(took < PROMPTLY, "{release}, {way:?}: {took:?}");
            goes_on(&mut phone).await;
            let refreshed = site.refresh(&tokens.client_id, &tokens.refresh).await;
            assert_eq!(refreshed.status, 400, "{release}, {way:?}");
            assert!(
                !is_active(&mut rest, &tokens.access).await,
                "{release}, {way:?}"
            );
            assert!(!site.logs_in(&tokens.access).await, "{release}, {way:?}");
            all.remove(&id);
            for seen_by in WAYS {
                assert_eq!(alice.sees(seen_by).await, all, "{release}: {seen_by:?}");
            }
        }
        assert!(site.logs_in(&stays.access).await, "{release}");
    }
}
