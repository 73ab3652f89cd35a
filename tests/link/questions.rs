//! What the component asks the server.

use jid::{BareJid, DomainPart};
use xmpp_oauth::accounts::{AccountStatus, Accounts as _, PasswordCheck, Unavailable};
use xmpp_oauth::model::{EndReason, Generation, GrantId, Profile};
use xmpp_oauth::secrets::Secret;
use xmpp_oauth::xmpp::{LinkState, Module};

use crate::world::{NOW, World, soon};

const ACCOUNT: &str = "urn:xmpp-oauth:account:0";

fn alice() -> BareJid {
    "alice@localhost".parse().unwrap()
}

#[tokio::test]
async fn a_password_is_what_the_hosts_module_says() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let (alice, secret) = (alice(), Secret::new("correct <horse> & ü"));
    let check = world.server.check_password(&alice, &secret);
    let module = async {
        let iq = peer.request("check-password").await;
        assert_eq!(iq.attr("to"), Some("localhost"));
        let asked = iq.get_child("check-password", ACCOUNT).unwrap();
        assert_eq!(asked.attr("username"), Some("alice"));
        assert_eq!(asked.text(), "correct <horse> & ü");
        peer.reply(&iq, &format!("<valid xmlns='{ACCOUNT}' generation='g'/>"))
            .await;
    };
    let (answer, ()) = tokio::join!(check, module);
    let generation = Some(Generation::new("g"));
    assert_eq!(answer, Ok(PasswordCheck::Valid { generation }));

    let check = world.server.check_password(&alice, &secret);
    let module = async {
        let iq = peer.request("check-password").await;
        peer.reply(&iq, &format!("<invalid xmlns='{ACCOUNT}'/>"))
            .await;
    };
    let (answer, ()) = tokio::join!(check, module);
    assert_eq!(answer, Ok(PasswordCheck::Invalid));
}

#[tokio::test]
async fn what_cannot_be_a_password_of_ours_is_wrong_without_asking() {
    let world = World::new().await;
    world.accept().await;
    let too_long = "x".repeat(1025);
    for (account, password) in [
        ("alice@localhost", too_long.as_str()),
        ("alice@localhost", ""),
        ("alice@localhost", "a\u{0}b"),
        ("alice@localhost", "a\u{ffff}"),
        ("alice@unserved.example", "x"),
        ("localhost", "x"),
    ] {
        let account = account.parse().unwrap();
        let secret = Secret::new(password);
        let check = world.server.check_password(&account, &secret);
        assert_eq!(soon("an answer", check).await, Ok(PasswordCheck::Invalid));
    }
}

#[tokio::test]
async fn an_error_says_nothing_about_the_password() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    for (error, unavailable) in [
        ("resource-constraint", Some(Unavailable::Busy)),
        ("forbidden", None),
        ("item-not-found", None),
    ] {
        let (alice, secret) = (alice(), Secret::new("x"));
        let check = world.server.check_password(&alice, &secret);
        let module = async {
            let iq = peer.request("check-password").await;
            peer.send(&format!(
                "<iq type='error' id='{}' from='localhost' to='oauth.localhost'>\
                 <error type='wait'><{error} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                 </error></iq>",
                iq.attr("id").unwrap()
            ))
            .await;
        };
        let (answer, ()) = tokio::join!(check, module);
        let answer = answer.unwrap_err();
        match unavailable {
            Some(expected) => assert_eq!(answer, expected),
            None => assert!(matches!(answer, Unavailable::Refused(_)), "{answer:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_from_somebody_else_is_no_answer() {
    let world = World::with("timeout = \"1s\"").await;
    let mut peer = world.accept().await;
    let (alice, secret) = (alice(), Secret::new("x"));
    let check = world.server.check_password(&alice, &secret);
    let module = async {
        let iq = peer.request("check-password").await;
        for from in ["eve@localhost", "other.localhost", "localhost/x"] {
            peer.send(&format!(
                "<iq type='result' id='{}' from='{from}' to='oauth.localhost'>\
                 <valid xmlns='{ACCOUNT}'/></iq>",
                iq.attr("id").unwrap()
            ))
            .await;
        }
    };
    let (answer, ()) = tokio::join!(check, module);
    assert_eq!(answer, Err(Unavailable::TimedOut));
}

#[tokio::test]
async fn questions_fail_at_once_when_the_link_is_lost() {
    let world = World::with("timeout = \"1m\"").await;
    let mut peer = world.accept().await;
    let (alice, secret) = (alice(), Secret::new("x"));
    let check = world.server.check_password(&alice, &secret);
    let module = async move {
        peer.request("check-password").await;
        drop(peer);
    };
    let (answer, ()) = soon("an answer", async { tokio::join!(check, module) }).await;
    assert_eq!(answer, Err(Unavailable::LinkDown));
    world
        .state(|state| matches!(state, LinkState::Down(_)))
        .await;
    let check = world.server.check_password(&alice, &secret);
    assert_eq!(soon("an answer", check).await, Err(Unavailable::LinkDown));
}

#[tokio::test]
async fn no_more_passwords_are_with_the_server_than_it_can_take() {
    let world = World::with("timeout = \"1s\"").await;
    let mut peer = world.accept().await;
    let checks = (0..40).map(|_| async {
        world
            .server
            .check_password(&alice(), &Secret::new("x"))
            .await
    });
    let checks = futures::future::join_all(checks);
    let module = async {
        let mut asked = 0;
        // Nothing is answered, so nobody makes room.
        while let Ok(Ok(incoming)) =
            tokio::time::timeout(std::time::Duration::from_millis(900), peer.reader.next()).await
        {
            asked += u32::from(format!("{incoming:?}").contains("check-password"));
        }
        asked
    };
    let (answers, asked) = tokio::join!(checks, module);
    assert_eq!(asked, 2);
    assert!(answers.iter().all(Result::is_err));
    assert!(answers.contains(&Err(Unavailable::Busy)));
}

#[tokio::test]
async fn accounts_come_back_in_the_order_they_were_asked_for() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let host: DomainPart = "localhost".parse().unwrap();
    let names = ["alice", "bob", "carol"].map(|name| format!("{name}@localhost").parse().unwrap());
    let statuses = world.server.statuses(&host, &names);
    let module = async {
        let iq = peer.request("accounts").await;
        peer.reply(
            &iq,
            &format!(
                "<accounts xmlns='{ACCOUNT}'>\
                 <account username='carol' exists='true' enabled='false'/>\
                 <account username='bob' exists='false' enabled='false'/>\
                 <account username='alice' exists='true' enabled='true' generation='g'/></accounts>"
            ),
        )
        .await;
    };
    let (answer, ()) = tokio::join!(statuses, module);
    let generation = Some(Generation::new("g"));
    assert_eq!(
        answer.unwrap(),
        [
            AccountStatus::Enabled { generation },
            AccountStatus::Missing,
            AccountStatus::Disabled
        ]
    );

    let statuses = world.server.statuses(&host, &names);
    let module = async {
        let iq = peer.request("accounts").await;
        peer.reply(&iq, &format!("<accounts xmlns='{ACCOUNT}'/>"))
            .await;
    };
    let (answer, ()) = tokio::join!(statuses, module);
    assert!(matches!(answer, Err(Unavailable::Refused(_))));
}

#[tokio::test]
async fn ended_sessions_are_counted() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let (alice, grant) = (alice(), GrantId::new("g1"));
    let ending = world.server.end_sessions(&alice, &grant);
    let module = async {
        let iq = peer.request("end-sessions").await;
        assert_eq!(iq.attr("type"), Some("set"));
        peer.reply(&iq, &format!("<ended xmlns='{ACCOUNT}' count='3'/>"))
            .await;
    };
    let (answer, ()) = tokio::join!(ending, module);
    assert_eq!(answer, Ok(3));
}

#[tokio::test]
async fn a_host_that_says_no_hello_is_asked_for_one() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    peer.hello("other.localhost").await;
    let iq = peer.request("hello").await;
    assert_eq!(iq.attr("to"), Some("localhost"));
    assert_eq!(iq.attr("type"), Some("get"));
    peer.send(&format!(
        "<iq type='error' id='{}' from='localhost' to='oauth.localhost'><error type='cancel'>\
         <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        iq.attr("id").unwrap()
    ))
    .await;
    // It is asked again, and says it then.
    peer.request("hello").await;
    let infos = world.server.host_infos();
    assert_eq!(infos[0].module, Module::Missing);
    peer.hello("localhost").await;
    let infos = world.server.host_infos();
    assert!(matches!(infos[0].module, Module::Present(_)));
}

#[tokio::test]
async fn a_module_that_knows_nothing_any_more_is_asked_for_a_hello() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    peer.hello("localhost").await;
    peer.hello("other.localhost").await;
    let (alice, grant) = (alice(), GrantId::new("g1"));
    let ending = world.server.end_sessions(&alice, &grant);
    let module = async {
        let iq = peer.request("end-sessions").await;
        peer.send(&format!(
            "<iq type='error' id='{}' from='localhost' to='oauth.localhost'><error type='cancel'>\
             <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
            iq.attr("id").unwrap()
        ))
        .await;
        peer.request("hello").await
    };
    let (answer, hello) = tokio::join!(ending, module);
    assert!(answer.is_err());
    assert_eq!(hello.attr("to"), Some("localhost"));
}

#[tokio::test]
async fn a_vcard_is_asked_of_the_account_and_what_is_in_it_is_read() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let alice = alice();
    let ask = world.server.profile(&alice);
    let server = async {
        let iq = peer.request("vCard").await;
        assert_eq!(iq.attr("to"), Some("alice@localhost"));
        assert_eq!(iq.attr("type"), Some("get"));
        peer.reply(
            &iq,
            "<vCard xmlns='vcard-temp'><FN>Alice &lt;Liddell&gt;</FN><N><FAMILY>x</FAMILY></N>\
             <NICKNAME/><PHOTO><EXTVAL>https://example.com/a.png</EXTVAL></PHOTO></vCard>",
        )
        .await;
    };
    let (answer, ()) = tokio::join!(ask, server);
    let expected = Profile {
        name: Some("Alice <Liddell>".to_owned()),
        nickname: None,
        picture: Some("https://example.com/a.png".to_owned()),
    };
    assert_eq!(answer, Ok(expected));

    for payload in [
        "<vCard xmlns='vcard-temp'/>",
        "<vCard xmlns='vcard-temp'><PHOTO><BINVAL>AAAA</BINVAL></PHOTO></vCard>",
        "",
    ] {
        let ask = world.server.profile(&alice);
        let server = async {
            let iq = peer.request("vCard").await;
            peer.reply(&iq, payload).await;
        };
        let (answer, ()) = tokio::join!(ask, server);
        assert_eq!(answer, Ok(Profile::default()), "{payload}");
    }
}

#[tokio::test]
async fn a_message_to_an_account_waits_there_and_in_its_archive() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let text = "Gajim <now> has access:\nhttp://localhost:8480/account";
    world.server.tell(&alice(), text).await.unwrap();
    let message = loop {
        let element = peer.next().await;
        if element.name() == "message" {
            break element;
        }
    };
    assert_eq!(message.attr("from"), Some("oauth.localhost"));
    assert_eq!(message.attr("to"), Some("alice@localhost"));
    // normal is the default (RFC 6121 §5.2.2)
    assert!(message.attr("type").is_none_or(|kind| kind == "normal"));
    let body = message.get_child("body", "jabber:component:accept");
    assert_eq!(body.unwrap().text(), text);
    assert!(message.has_child("store", "urn:xmpp:hints"));
}

#[tokio::test]
async fn a_message_is_dropped_while_the_link_is_down() {
    let world = World::new().await;
    let told = world.server.tell(&alice(), "lost").await;
    assert_eq!(told, Err(Unavailable::LinkDown));
    let mut peer = world.accept().await;
    world.server.tell(&alice(), "the next").await.unwrap();
    loop {
        let element = peer.next().await;
        if element.name() == "message" {
            let body = element.get_child("body", "jabber:component:accept");
            assert_eq!(body.unwrap().text(), "the next");
            return;
        }
    }
}

#[tokio::test]
async fn what_another_process_ended_and_could_not_tell_is_told() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    world.grant("alice@localhost", "g", "xoa_t", "xmpp").await;
    peer.hello("localhost").await;
    let compared = peer.request("accounts").await;
    let alice = "<account username='alice' exists='true' enabled='true'/>";
    let statuses = format!("<accounts xmlns='{ACCOUNT}'>{alice}</accounts>");
    peer.reply(&compared, &statuses).await;
    // it is killed between the two
    let (grant, reason) = (GrantId::new("g"), EndReason::OwnerRevoked);
    world.store.end_grant(&grant, reason, NOW).await.unwrap();
    let told = peer.request("end-sessions").await;
    let order = told.get_child("end-sessions", ACCOUNT).unwrap();
    assert_eq!(order.attr("grant"), Some("g"));
    peer.reply(&told, &format!("<ended xmlns='{ACCOUNT}' count='1'/>"))
        .await;
    let host = DomainPart::new("localhost").unwrap().into_owned();
    let struck_off = async {
        while !world.store.pending_ends(&host).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    soon("the note to be struck off", struck_off).await;
}
