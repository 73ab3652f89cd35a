//! Ad-hoc commands (XEP-0050): who may do what, and only once.

use minidom::Element;
use xmpp_oauth::storage::{GrantFilter, StoredKey};

use crate::world::{Peer, World, condition, iq, text};

const ALICE: &str = "alice@localhost/phone";
const BOB: &str = "bob@localhost/phone";
const ADMIN: &str = "admin@localhost/desk";
const NS: &str = "http://jabber.org/protocol/commands";
const OWN: [&str; 4] = ["apps", "revoke-apps", "revoke-all-apps", "answer-device"];
const ADMINS: [&str; 4] = ["list-grants", "revoke-grants", "rotate-keys", "counters"];

async fn world() -> (World, Peer) {
    let world = World::with("[xmpp]\nadmins = [\"admin@localhost\"]").await;
    for (account, id, token) in [
        ("alice@localhost", "g1", "xoa_1"),
        ("alice@localhost", "g2", "xoa_2"),
        ("bob@localhost", "g3", "xoa_3"),
    ] {
        world.grant(account, id, token, "xmpp").await;
    }
    let peer = world.accept().await;
    (world, peer)
}

fn command(node: &str, rest: &str, fields: &[(&str, &str)]) -> String {
    let mut form = String::new();
    for (var, value) in fields {
        form += &format!("<field var='{var}'><value>{value}</value></field>");
    }
    let form = match fields {
        [] => String::new(),
        _ => format!("<x xmlns='jabber:x:data' type='submit'>{form}</x>"),
    };
    format!("<command xmlns='{NS}' node='urn:xmpp-oauth:command:0#{node}' {rest}>{form}</command>")
}

fn answered(answer: &Element) -> &Element {
    answer
        .get_child("command", NS)
        .unwrap_or_else(|| panic!("{}", text(answer)))
}

/// Begins a command; its `sessionid`.
async fn begin(peer: &mut Peer, from: &str, node: &str) -> String {
    let answer = peer.ask(from, "set", &command(node, "", &[])).await;
    let answer = answered(&answer);
    assert_eq!(answer.attr("status"), Some("executing"), "{}", text(answer));
    answer.attr("sessionid").unwrap().to_owned()
}

fn go_on(node: &str, session: &str, fields: &[(&str, &str)]) -> String {
    command(node, &format!("sessionid='{session}'"), fields)
}

/// The account's grants.
async fn live(world: &World, account: &str) -> Vec<String> {
    let filter = GrantFilter {
        account: Some(account.parse().unwrap()),
        ..GrantFilter::default()
    };
    let grants = world.store.grants(&filter).await.unwrap();
    let mut ids: Vec<_> = grants.iter().map(|grant| grant.id.to_string()).collect();
    ids.sort();
    ids
}

fn is_bad(answer: &Element, what: &str) -> bool {
    let error = answer
        .get_child("error", "jabber:component:accept")
        .unwrap();
    condition(answer) == "bad-request" && error.has_child(what, NS)
}

#[tokio::test]
async fn a_user_is_shown_what_a_user_may_do_and_an_admin_more() {
    let (_world, mut peer) = world().await;
    let items = format!("<query xmlns='http://jabber.org/protocol/disco#items' node='{NS}'/>");
    for (from, count) in [
        (ALICE, OWN.len()),
        (ADMIN, OWN.len() + ADMINS.len()),
        ("eve@elsewhere.example/x", 0),
        ("alice@localhost", 0),
        ("localhost", 0),
    ] {
        let answer = peer.ask(from, "get", &items).await;
        let query = answer.children().next().unwrap();
        assert_eq!(query.children().count(), count, "{from}");
    }
    let node = "<query xmlns='http://jabber.org/protocol/disco#info' node='urn:xmpp-oauth:command:0#apps'/>";
    let answer = text(&peer.ask(ALICE, "get", node).await);
    assert!(answer.contains("command-node"), "{answer}");
    let answer = text(
        &peer
            .ask(
                ALICE,
                "get",
                "<query xmlns='http://jabber.org/protocol/disco#info'/>",
            )
            .await,
    );
    assert!(answer.contains(NS), "{answer}");
}

#[tokio::test]
async fn only_users_of_served_hosts_command_and_only_admins_reach_beyond_their_account() {
    let (world, mut peer) = world().await;
    for from in [
        "eve@elsewhere.example/x",
        "alice@localhost",
        "localhost",
        "localhost/x",
        "unserved.example",
    ] {
        for node in OWN.iter().chain(&ADMINS) {
            let answer = peer.ask(from, "set", &command(node, "", &[])).await;
            assert_eq!(condition(&answer), "forbidden", "{from} {node}");
        }
    }
    for from in [ALICE, "admin@other.localhost/x", "admin2@localhost/x"] {
        for node in ADMINS {
            let answer = peer.ask(from, "set", &command(node, "", &[])).await;
            assert_eq!(condition(&answer), "forbidden", "{from} {node}");
        }
    }
    let answer = peer.ask(ALICE, "set", &command("nothing", "", &[])).await;
    assert_eq!(condition(&answer), "item-not-found");
    assert_eq!(live(&world, "alice@localhost").await, ["g1", "g2"]);
}

#[tokio::test]
async fn a_user_sees_and_takes_back_what_is_their_own() {
    let (world, mut peer) = world().await;
    let answer = peer.ask(ALICE, "set", &command("apps", "", &[])).await;
    let list = text(answered(&answer));
    assert!(
        list.contains("g1") && list.contains("g2") && !list.contains("g3"),
        "{list}"
    );

    let session = begin(&mut peer, ALICE, "revoke-apps").await;
    let theirs = go_on("revoke-apps", &session, &[("apps", "g3")]);
    let answer = peer.ask(ALICE, "set", &theirs).await;
    assert_eq!(answered(&answer).attr("status"), Some("completed"));
    assert_eq!(
        live(&world, "bob@localhost").await,
        ["g3"],
        "Bob's is not Alice's"
    );

    let session = begin(&mut peer, ALICE, "revoke-apps").await;
    peer.send(&iq(
        ALICE,
        "set",
        "q",
        &go_on("revoke-apps", &session, &[("apps", "g1")]),
    ))
    .await;
    let (mut done, mut told) = (false, false);
    while !(done && told) {
        let stanza = peer.next().await;
        done |= stanza.attr("id") == Some("q");
        let order = stanza.get_child("end-sessions", "urn:xmpp-oauth:account:0");
        told |= order.is_some_and(|order| order.attr("grant") == Some("g1"));
    }
    assert_eq!(live(&world, "alice@localhost").await, ["g2"]);

    let session = begin(&mut peer, ALICE, "revoke-all-apps").await;
    peer.ask(
        ALICE,
        "set",
        &go_on("revoke-all-apps", &session, &[("confirm", "0")]),
    )
    .await;
    assert_eq!(
        live(&world, "alice@localhost").await,
        ["g2"],
        "not confirmed"
    );
    let session = begin(&mut peer, ALICE, "revoke-all-apps").await;
    peer.ask(
        ALICE,
        "set",
        &go_on("revoke-all-apps", &session, &[("confirm", "1")]),
    )
    .await;
    assert!(live(&world, "alice@localhost").await.is_empty());
    assert_eq!(live(&world, "bob@localhost").await, ["g3"]);
}

#[tokio::test]
async fn a_form_is_good_once_and_only_in_the_session_that_it_was_sent_to() {
    let (world, mut peer) = world().await;
    let session = begin(&mut peer, ALICE, "revoke-apps").await;
    let form = go_on("revoke-apps", &session, &[("apps", "g1")]);
    for from in [BOB, "alice@localhost/other", ADMIN] {
        let answer = peer.ask(from, "set", &form).await;
        assert!(
            is_bad(&answer, "bad-sessionid"),
            "{from}: {}",
            text(&answer)
        );
    }
    let other = go_on("revoke-all-apps", &session, &[("confirm", "1")]);
    let answer = peer.ask(ALICE, "set", &other).await;
    assert!(is_bad(&answer, "bad-sessionid"), "{}", text(&answer));
    peer.ask(ALICE, "set", &form).await;
    assert_eq!(live(&world, "alice@localhost").await, ["g2"]);
    let again = go_on("revoke-apps", &session, &[("apps", "g2")]);
    let answer = peer.ask(ALICE, "set", &again).await;
    assert!(is_bad(&answer, "bad-sessionid"), "{}", text(&answer));
    assert_eq!(live(&world, "alice@localhost").await, ["g2"]);

    let session = begin(&mut peer, ALICE, "revoke-apps").await;
    let cancel = command(
        "revoke-apps",
        &format!("sessionid='{session}' action='cancel'"),
        &[],
    );
    let answer = peer.ask(ALICE, "set", &cancel).await;
    assert_eq!(answered(&answer).attr("status"), Some("canceled"));
    let answer = peer
        .ask(
            ALICE,
            "set",
            &go_on("revoke-apps", &session, &[("apps", "g2")]),
        )
        .await;
    assert!(is_bad(&answer, "bad-sessionid"), "{}", text(&answer));
    for (action, what) in [
        ("prev", "bad-action"),
        ("x", "malformed-action"),
        ("cancel", "bad-action"),
    ] {
        let answer = peer
            .ask(
                ALICE,
                "set",
                &command("apps", &format!("action='{action}'"), &[]),
            )
            .await;
        assert!(is_bad(&answer, what), "{action}: {}", text(&answer));
    }
}

#[tokio::test]
async fn an_admin_lists_and_takes_back_by_user_by_app_and_by_its_name() {
    for (field, value, left_alice, left_bob) in [
        ("account", "alice@localhost", vec![], vec!["g3"]),
        ("client_id", "a client", vec![], vec![]),
        ("software", "Gajim", vec![], vec![]),
        ("software", "gajim", vec!["g1", "g2"], vec!["g3"]),
        ("client_id", "another", vec!["g1", "g2"], vec!["g3"]),
    ] {
        let (world, mut peer) = world().await;
        let session = begin(&mut peer, ADMIN, "list-grants").await;
        let answer = peer
            .ask(
                ADMIN,
                "set",
                &go_on("list-grants", &session, &[(field, value)]),
            )
            .await;
        let list = text(answered(&answer));
        assert_eq!(
            list.contains("g3"),
            left_bob.is_empty(),
            "{field}={value}: {list}"
        );

        let session = begin(&mut peer, ADMIN, "revoke-grants").await;
        let answer = peer
            .ask(
                ADMIN,
                "set",
                &go_on("revoke-grants", &session, &[(field, value)]),
            )
            .await;
        assert_eq!(
            live(&world, "alice@localhost").await,
            ["g1", "g2"],
            "not confirmed"
        );
        let answer = answered(&answer);
        if answer.attr("status") == Some("executing") {
            let session = answer.attr("sessionid").unwrap().to_owned();
            peer.ask(
                ADMIN,
                "set",
                &go_on("revoke-grants", &session, &[("confirm", "true")]),
            )
            .await;
        }
        assert_eq!(
            live(&world, "alice@localhost").await,
            left_alice,
            "{field}={value}"
        );
        assert_eq!(
            live(&world, "bob@localhost").await,
            left_bob,
            "{field}={value}"
        );
    }
}

#[tokio::test]
async fn an_admin_names_what_goes_and_may_count_and_make_a_key() {
    let (world, mut peer) = world().await;
    for fields in [&[][..], &[("account", "")], &[("account", "@")]] {
        let session = begin(&mut peer, ADMIN, "revoke-grants").await;
        let answer = peer
            .ask(ADMIN, "set", &go_on("revoke-grants", &session, fields))
            .await;
        assert!(
            is_bad(&answer, "bad-payload"),
            "{fields:?}: {}",
            text(&answer)
        );
    }
    let answer = peer.ask(ADMIN, "set", &command("counters", "", &[])).await;
    let counters = text(answered(&answer));
    assert!(
        counters.contains(">3<") && counters.contains(">2<"),
        "{counters}"
    );
    let session = begin(&mut peer, ADMIN, "rotate-keys").await;
    let refused = go_on("rotate-keys", &session, &[("confirm", "0")]);
    let answer = text(&peer.ask(ADMIN, "set", &refused).await);
    assert!(answer.contains("Nothing was done"), "{answer}");
    let session = begin(&mut peer, ADMIN, "rotate-keys").await;
    let confirmed = go_on("rotate-keys", &session, &[("confirm", "1")]);
    let answer = text(&peer.ask(ADMIN, "set", &confirmed).await);
    let keys = world.store.signing_keys().await.unwrap();
    let is_told = |key: &&StoredKey| answer.contains(&key.kid);
    let newest = keys
        .iter()
        .find(is_told)
        .unwrap_or_else(|| panic!("{answer}"));
    assert!(newest.retired_at.is_none(), "it is in use");
}

#[tokio::test]
async fn a_code_that_no_device_shows_is_refused_and_guessing_is_braked() {
    let (_world, mut peer) = world().await;
    for (n, from) in (0..12).map(|n| (n, ALICE)).chain([(0, BOB)]) {
        let session = begin(&mut peer, from, "answer-device").await;
        let form = go_on("answer-device", &session, &[("code", "BBBB-BBBB")]);
        let answer = peer.ask(from, "set", &form).await;
        match n < 10 {
            true => assert!(is_bad(&answer, "bad-payload"), "{n}: {}", text(&answer)),
            false => assert_eq!(condition(&answer), "resource-constraint", "{n}"),
        }
    }
}

#[tokio::test]
async fn where_the_device_flow_is_off_there_is_no_such_command() {
    let flows = "[flows]\nallowed_grant_types = [\"authorization_code\"]";
    let world = World::with(&format!("[xmpp]\n{flows}")).await;
    let mut peer = world.accept().await;
    let answer = peer
        .ask(ALICE, "set", &command("answer-device", "", &[]))
        .await;
    assert_eq!(condition(&answer), "forbidden");
    let items = format!("<query xmlns='http://jabber.org/protocol/disco#items' node='{NS}'/>");
    let answer = peer.ask(ALICE, "get", &items).await;
    assert!(!text(&answer).contains("answer-device"));
}
