//! What a session may do with the scope of its token (XEP-0493 §4.4): the table, line by line.

use minidom::Element;
use xmpp_oauth::xmpp::c2s::Client;

use crate::oauthbearer::{hibernated, resume};
use crate::site::{LIMIT, Site, ask, condition, stanza, wait_for};
use crate::support::prosody::{ADMIN, ALICE, BOB};
use crate::support::release::servers;
use crate::support::server::Wish;

const READ: &str = "xmpp:account:read";
const WRITE: &str = "xmpp:account:write";
const NORMAL: &str = "xmpp:client:normal";
const WHOLE: &str = "xmpp";

/// Reads of the account's own data.
const READS: &[&str] = &[
    "<iq type='get' id='t'><query xmlns='jabber:iq:roster'/></iq>",
    "<iq type='get' id='t'><vCard xmlns='vcard-temp'/></iq>",
    "<iq type='get' id='t'><query xmlns='jabber:iq:private'><s xmlns='urn:test'/></query></iq>",
    "<iq type='get' id='t'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:test'/></pubsub></iq>",
    "<iq type='get' id='t' to='alice@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:test'/></pubsub></iq>",
];

/// Changes of it.
const WRITES: &[&str] = &[
    "<iq type='set' id='t'><query xmlns='jabber:iq:roster'><item jid='carol@localhost' name='Carol'/></query></iq>",
    "<iq type='set' id='t'><vCard xmlns='vcard-temp'><FN>Alice</FN></vCard></iq>",
    "<iq type='set' id='t'><query xmlns='jabber:iq:private'><s xmlns='urn:test'/></query></iq>",
    "<iq type='set' id='t'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:test'><item id='1'><x xmlns='urn:test'/></item></publish></pubsub></iq>",
    "<iq type='set' id='t'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='urn:test'><item id='1'/></retract></pubsub></iq>",
    "<iq type='set' id='t'><query xmlns='jabber:iq:roster'><item jid='carol@localhost' subscription='remove'/></query></iq>",
];

/// What any client asks its server.
const QUESTIONS: &[&str] = &[
    "<iq type='get' id='t' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq type='get' id='t' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq type='get' id='t' to='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
];

/// What is more than data, and an ordinary chat client's.
const CHATS: &[&str] = &[
    "<message type='chat' id='t' to='bob@localhost'><body>hello</body></message>",
    "<message type='chat' id='t' to='alice@localhost'><body>hello</body></message>",
    "<presence id='t'/>",
    "<presence id='t' to='bob@localhost'/>",
    "<presence id='t' type='subscribe' to='bob@localhost'/>",
    "<iq type='set' id='t'><query xmlns='urn:xmpp:mam:2'/></iq>",
    "<iq type='get' id='t'><prefs xmlns='urn:xmpp:mam:2'/></iq>",
    "<iq type='set' id='t'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
    "<iq type='get' id='t'><blocklist xmlns='urn:xmpp:blocking'/></iq>",
    "<iq type='set' id='t'><enable xmlns='urn:xmpp:push:0' jid='push.localhost'/></iq>",
    "<iq type='get' id='t' to='bob@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:test'/></pubsub></iq>",
    "<iq type='get' id='t' to='bob@localhost'><vCard xmlns='vcard-temp'/></iq>",
    "<iq type='set' id='t' to='rooms.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='x'/></pubsub></iq>",
    "<iq type='get' id='t' to='bob@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq type='get' id='t' to='localhost'><query xmlns='jabber:iq:roster'/></iq>",
    "<iq type='set' id='t'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='urn:test' jid='bob@localhost'/></pubsub></iq>",
    "<iq type='get' id='t'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='urn:test'/></pubsub></iq>",
    "<iq type='set' id='t'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='urn:test'><affiliation jid='bob@localhost' affiliation='owner'/></affiliations></pubsub></iq>",
];

/// What is nobody's but the account's owner's. Harmless where it is allowed.
const OWNERS: &[&str] = &[
    "<iq type='set' id='t' to='localhost'><query xmlns='jabber:iq:register'/></iq>",
    "<iq type='set' id='t'><revoke xmlns='urn:xmpp:cam:0' id='nothing'/></iq>",
    "<iq type='set' id='t' to='alice@localhost'><revoke xmlns='urn:xmpp:cam:0' id='nothing'/></iq>",
    "<iq type='set' id='t' to='oauth.localhost'><command xmlns='http://jabber.org/protocol/commands' node='nothing'/></iq>",
    "<iq type='set' id='t' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='nothing'/></iq>",
    "<iq type='set' id='t' to='localhost'><append xmlns='urn:xmpp:saslcert:1'/></iq>",
];

/// What came of a stanza.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Refused,
    /// For another reason than the scope.
    Failed(String),
}

/// Sends a stanza with the id `t`. What the server does with one that has no answer shows by the answer to a ping.
async fn attempt(client: &mut Client, text: &str) -> Outcome {
    if text.starts_with("<iq") {
        return outcome(&ask(client, text).await);
    }
    client.send(&stanza(text)).await.unwrap();
    let came = until_now(client).await;
    let answer = came
        .iter()
        .find(|element| element.attr("id") == Some("t") && element.attr("type") == Some("error"));
    answer.map_or(Outcome::Done, outcome)
}

fn outcome(answer: &Element) -> Outcome {
    let text = String::from(answer);
    match answer.attr("type") {
        Some("result") => Outcome::Done,
        // Some things are forbidden for reasons of the server's own.
        _ if condition(answer) == "forbidden" && text.contains("not given the right") => {
            Outcome::Refused
        }
        _ => Outcome::Failed(text),
    }
}

async fn all_are(outcome: &Outcome, stanzas: &[&str], client: &mut Client, of: &str) {
    for text in stanzas {
        assert_eq!(&attempt(client, text).await, outcome, "{of}: {text}");
    }
}

async fn none_is_refused(stanzas: &[&str], client: &mut Client, of: &str) {
    for text in stanzas {
        assert_ne!(
            attempt(client, text).await,
            Outcome::Refused,
            "{of}: {text}"
        );
    }
}

/// A node of Alice's own.
async fn publish(site: &Site) -> Client {
    let (mut own, _) = site.password_session(ALICE, Some("own")).await;
    for text in [WRITES[3], WRITES[1]] {
        assert_eq!(attempt(&mut own, text).await, Outcome::Done, "{text}");
    }
    own
}

#[tokio::test]
async fn the_scope_table_line_by_line() {
    for release in servers() {
        let site = Site::start(release).await;
        publish(&site).await;
        let (done, refused) = (Outcome::Done, Outcome::Refused);
        for (scope, reads, writes) in [
            (READ, &done, &refused),
            (WRITE, &refused, &done),
            ("xmpp:account:read xmpp:account:write", &done, &done),
        ] {
            let of = format!("{release}: {scope}");
            let tokens = site.tokens(&format!("openid {scope}")).await;
            let (mut app, _) = site.session(&tokens.access).await;
            all_are(reads, READS, &mut app, &of).await;
            all_are(&done, QUESTIONS, &mut app, &of).await;
            all_are(&refused, CHATS, &mut app, &of).await;
            all_are(&refused, OWNERS, &mut app, &of).await;
            all_are(writes, WRITES, &mut app, &of).await;
        }
        let of = format!("{release}: {NORMAL}");
        // The more one scope gives, the less another takes away.
        let tokens = site.tokens("xmpp:client:normal xmpp:account:read").await;
        let (mut chat, _) = site.session(&tokens.access).await;
        all_are(&done, QUESTIONS, &mut chat, &of).await;
        all_are(&done, WRITES, &mut chat, &of).await;
        none_is_refused(CHATS, &mut chat, &of).await;
        all_are(&refused, OWNERS, &mut chat, &of).await;

        let of = format!("{release}: {WHOLE}");
        let tokens = site.tokens(WHOLE).await;
        let (mut whole, _) = site.session(&tokens.access).await;
        none_is_refused(CHATS, &mut whole, &of).await;
        none_is_refused(OWNERS, &mut whole, &of).await;
    }
}

/// All that comes to a session until a ping that it sends now is answered.
pub(crate) async fn until_now(client: &mut Client) -> Vec<Element> {
    let ping = "<iq type='get' id='now' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    client.send(&stanza(ping)).await.unwrap();
    let mut came = Vec::new();
    let coming = async {
        loop {
            let element = client.next().await.unwrap();
            if element.attr("id") == Some("now") {
                return;
            }
            came.push(element);
        }
    };
    tokio::time::timeout(LIMIT, coming)
        .await
        .expect("the ping should be answered");
    came
}

async fn says(client: &mut Client, text: &str) {
    client.send(&stanza(text)).await.unwrap();
}

#[tokio::test]
async fn nothing_of_others_reaches_a_session_that_may_only_see_the_accounts_data() {
    for release in servers() {
        let site = Site::start(release).await;
        let mut own = publish(&site).await;
        says(&mut own, "<presence id='p'/>").await;
        let (mut bob, _) = site.password_session(BOB, Some("bob")).await;
        for (scope, sees_pushes) in [(READ, true), (WRITE, false)] {
            let tokens = site.tokens(scope).await;
            let (mut app, jid) = site.session(&tokens.access).await;
            let asks = attempt(&mut app, READS[0]).await;
            assert_eq!(asks == Outcome::Done, sees_pushes, "{release}");

            for text in [
                format!(
                    "<message type='chat' id='m' to='{jid}'><body>for your eyes</body></message>"
                ),
                format!("<iq type='get' id='m' to='{jid}'><query xmlns='jabber:iq:version'/></iq>"),
            ] {
                says(&mut bob, &text).await;
                let answer = wait_for(&mut bob, |e| e.attr("id") == Some("m")).await;
                assert_eq!(
                    condition(&answer),
                    "service-unavailable",
                    "{release}: {text}"
                );
            }
            says(
                &mut bob,
                "<message type='chat' to='alice@localhost'><body>for your eyes</body></message>",
            )
            .await;
            says(
                &mut bob,
                &format!("<message type='error' to='{jid}'><body>for your eyes</body></message>"),
            )
            .await;
            says(
                &mut bob,
                "<presence type='subscribe' to='alice@localhost'/>",
            )
            .await;
            says(&mut bob, &format!("<presence to='{jid}'/>")).await;
            until_now(&mut bob).await;
            // The roster push comes last, where it comes.
            for text in [WRITES[3], WRITES[0], WRITES[5]] {
                assert_eq!(attempt(&mut own, text).await, Outcome::Done, "{release}");
            }
            let mut pushes = 0;
            for element in until_now(&mut app).await {
                let is_push = element
                    .children()
                    .any(|payload| payload.ns() == "jabber:iq:roster");
                let text = String::from(&element);
                assert!(is_push && sees_pushes, "{release}: {scope}: {text}");
                pushes += 1;
            }
            // RFC 6121 §2.1.6: to whoever has asked for the roster
            assert_eq!(pushes > 0, sees_pushes, "{release}: {scope}");
        }
    }
}

#[tokio::test]
async fn a_session_that_may_only_see_data_cannot_go_on_with_another_ones_stream() {
    for release in servers() {
        let site = Site::with(Wish::of(release).with_resumption(), "").await;
        let (normal, data) = (site.tokens(NORMAL).await, site.tokens(READ).await);
        let id = hibernated(&site, &normal.access).await;
        assert_eq!(
            resume(&site, &data.access, &id).await,
            "failed",
            "{release}"
        );
        assert_eq!(
            resume(&site, &normal.access, &id).await,
            "resumed",
            "{release}"
        );
    }
}

#[tokio::test]
async fn an_administrators_chat_client_is_no_owner_of_other_peoples_rooms() {
    const DESTROY: &str = "<iq type='set' id='t' to='lobby@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>";
    const CONFIGURE: &str = "<iq type='get' id='t' to='lobby@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>";
    const OUTCASTS: &str = "<iq type='get' id='t' to='lobby@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast'/></query></iq>";
    for release in servers() {
        let site = Site::start(release).await;
        let tokens = site.tokens(NORMAL).await;
        let (mut alice, _) = site.session(&tokens.access).await;
        says(&mut alice, "<presence id='j' to='lobby@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>").await;
        wait_for(&mut alice, |e| {
            e.name() == "presence" && e.attr("from") == Some("lobby@rooms.localhost/alice")
        })
        .await;
        let unlock = "<iq type='set' id='u' to='lobby@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>";
        assert_eq!(
            ask(&mut alice, unlock).await.attr("type"),
            Some("result"),
            "{release}"
        );

        let normal = site.tokens_of(ADMIN, NORMAL).await;
        let (mut chat, _) = site.session(&normal.access).await;
        for text in [CONFIGURE, OUTCASTS, DESTROY] {
            assert_eq!(
                attempt(&mut chat, text).await,
                Outcome::Refused,
                "{release}: {text}"
            );
        }
        // An account that is no administrator's owns what is its own.
        let answer = ask(&mut alice, CONFIGURE).await;
        assert_eq!(answer.attr("type"), Some("result"), "{release}");

        if site.is_prosody() {
            let own = "<presence to='mine@rooms.localhost/admin'><x xmlns='http://jabber.org/protocol/muc'/></presence>";
            says(&mut chat, own).await;
            wait_for(&mut chat, |e| {
                e.attr("from") == Some("mine@rooms.localhost/admin")
            })
            .await;
            let answer = ask(&mut chat, &CONFIGURE.replace("lobby", "mine")).await;
            assert_eq!(
                answer.attr("type"),
                Some("result"),
                "{release}: its own room"
            );
        }
        let whole = site.tokens_of(ADMIN, WHOLE).await;
        let (mut whole, _) = site.session(&whole.access).await;
        let answer = ask(&mut whole, DESTROY).await;
        assert_eq!(answer.attr("type"), Some("result"), "{release}");
    }
}
