//! One user of the server who sends more than anybody needs.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::figures::{Before, is_served, memory, spread, tell, town};
use crate::site::{Site, ask, wait_for};
use crate::support::prosody::{ADMIN, BOB, COMPONENT};

const STORM: &str = "stanzas";
const MANY: usize = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_stanzas_of_one_user_cut_no_link_and_keep_nobody_waiting() {
    let site = Site::logging(town(0).await, "info").await;
    let tokens = site.tokens("openid xmpp:client:normal").await;
    let before = Before::look(STORM, &site).await;
    let (mut eve, _) = site.password_session(BOB, None).await;
    let (mut bob, _) = site.password_session(ADMIN, None).await;

    let payloads = [
        "<ping xmlns='urn:xmpp:ping'/>",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        "<authenticate xmlns='urn:xmpp-oauth:sasl:0' mechanism='OAUTHBEARER'>AQ==</authenticate>",
        "<introspect xmlns='urn:xmpp-oauth:introspection:0'><token>xoa_x</token></introspect>",
        "<nonsense xmlns='urn:nonsense'/>",
    ];
    let since = Instant::now();
    let flood = tokio::spawn(async move {
        for chunk in 0..MANY / 1000 {
            let mut text = String::new();
            for n in 0..1000 {
                let id = chunk * 1000 + n;
                let payload = payloads[n % payloads.len()];
                let _ = write!(
                    text,
                    "<iq type='get' id='f{id}' to='{COMPONENT}'>{payload}</iq>"
                );
            }
            eve.send_raw(text.as_bytes()).await.unwrap();
            // its answers are read, so that it is not the server that holds the flood up
            let last = format!("f{}", chunk * 1000 + 999);
            wait_for(&mut eve, |element| element.attr("id") == Some(&last)).await;
        }
    });
    let (mut http, mut logins, mut pings) = (Vec::new(), Vec::new(), Vec::new());
    let mut largest = 0;
    while !flood.is_finished() {
        http.push(is_served(&site).await);
        let start = Instant::now();
        assert!(site.logs_in(&tokens.access).await);
        logins.push(start.elapsed());
        let start = Instant::now();
        let ping = format!(
            "<iq type='get' id='p{}' to='{COMPONENT}'><ping xmlns='urn:xmpp:ping'/></iq>",
            pings.len()
        );
        assert_eq!(ask(&mut bob, &ping).await.attr("type"), Some("result"));
        pings.push(start.elapsed());
        largest = largest.max(memory(site.program.pid()));
    }
    flood.await.unwrap();
    let took = since.elapsed();
    tell(
        STORM,
        &format!("{MANY} answered in {took:?}; the program grew to {largest} KiB"),
    );
    let slowest = logins.iter().max().copied().unwrap();
    tell(
        STORM,
        &format!("token logins meanwhile: {}", spread(logins)),
    );
    tell(STORM, &format!("pings of others: {}", spread(pings)));
    tell(STORM, &format!("HTTP requests: {}", spread(http)));
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    assert_eq!(site.program.log().matches("the link is up").count(), 1);
    assert!(site.program.log().len() < 100_000, "a flood fills no log");
    before.is_as_before(&site).await;
}
