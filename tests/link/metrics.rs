//! What the link counts.

use futures::FutureExt as _;
use jid::BareJid;
use xmpp_oauth::accounts::{Accounts as _, Unavailable};
use xmpp_oauth::metrics;
use xmpp_oauth::model::GrantId;
use xmpp_oauth::secrets::Secret;
use xmpp_oauth::xmpp::LinkState;

use crate::world::{World, iq};

pub(crate) fn counted(world: &World, series: &str) -> u64 {
    let text = metrics::text([world.server.metrics()]);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("xmpp_oauth_{series} ")));
    let value = line.unwrap_or_else(|| panic!("no {series} in {text}"));
    value.parse().unwrap()
}

#[tokio::test]
async fn the_link_its_losses_and_what_is_pending_on_it_are_told() {
    let world = World::new().await;
    assert_eq!(counted(&world, "link_up"), 0);
    let mut peer = world.accept().await;
    assert_eq!(counted(&world, "link_up"), 1);
    assert_eq!(counted(&world, "hosts_without_module"), 2);
    peer.hello("localhost").await;
    assert_eq!(counted(&world, "hosts_without_module"), 1);

    let alice: BareJid = "alice@localhost".parse().unwrap();
    let secret = Secret::new("secret");
    let check = world.server.check_password(&alice, &secret);
    let module = async {
        let iq = peer.request("check-password").await;
        assert_eq!(counted(&world, "link_pending_questions"), 1);
        peer.reply(&iq, "<invalid xmlns='urn:xmpp-oauth:account:0'/>")
            .await;
    };
    tokio::join!(check, module).0.unwrap();
    assert_eq!(counted(&world, "link_pending_questions"), 0);
    assert_eq!(counted(&world, "link_answer_seconds_count"), 1);

    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    peer.send(&iq("eve@elsewhere/x", "get", "of eve", ping))
        .await;
    peer.answer("of eve").await;
    assert_eq!(counted(&world, "link_requests_total{by=\"hosts\"}"), 1);
    assert_eq!(counted(&world, "link_requests_total{by=\"others\"}"), 1);

    drop(peer);
    world
        .state(|state| matches!(state, LinkState::Down(_)))
        .await;
    assert_eq!(counted(&world, "link_up"), 0);
    assert_eq!(counted(&world, "link_losses_total"), 1);
}

#[tokio::test]
async fn passwords_that_find_no_place_are_counted() {
    let world = World::new().await;
    let _peer = world.accept().await;
    let alice: BareJid = "alice@localhost".parse().unwrap();
    let secret = Secret::new("secret");
    // two at once, fourteen wait, and the next finds no place
    let checks = (0..16).map(|_| world.server.check_password(&alice, &secret));
    let mut checks = futures::future::join_all(checks);
    assert!((&mut checks).now_or_never().is_none());
    let one_more = world.server.check_password(&alice, &secret).await;
    assert_eq!(one_more, Err(Unavailable::Busy));
    let busy = "limits_hit_total{limit=\"max_password_checks\"}";
    assert_eq!(counted(&world, busy), 1);
}

#[tokio::test]
async fn questions_to_a_server_that_answers_none_come_to_an_end_and_are_counted() {
    let world = World::new().await;
    let _peer = world.accept().await;
    let alice: BareJid = "alice@localhost".parse().unwrap();
    let grant = GrantId::new("g");
    let questions = (0..4096).map(|_| world.server.end_sessions(&alice, &grant));
    let mut questions = futures::future::join_all(questions);
    assert!((&mut questions).now_or_never().is_none());
    let one_more = world.server.end_sessions(&alice, &grant).await;
    assert_eq!(one_more, Err(Unavailable::Busy));
    assert_eq!(
        counted(&world, "limits_hit_total{limit=\"link_questions\"}"),
        1
    );
    // and there is room once nobody waits any more
    drop(questions);
    let one_more = world.server.end_sessions(&alice, &grant);
    assert!(one_more.now_or_never().is_none());
}

#[tokio::test]
async fn every_limit_that_is_counted_stands_in_the_table() {
    let world = World::new().await;
    let table = include_str!("../../docs/reliability.md");
    let text = metrics::text([world.server.metrics()]);
    let mut limits = text.split("limits_hit_total{limit=\"").skip(1).peekable();
    assert!(limits.peek().is_some());
    for limit in limits {
        let name = limit.split('"').next().unwrap();
        assert!(table.contains(&format!("`{name}`")), "{name} is not there");
    }
}
