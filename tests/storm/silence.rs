//! A server module that is there, and answers nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use minidom::Element;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use xmpp_oauth::xmpp::stream::{Incoming, Limits, Reader, Writer};

use crate::apps::Provider;
use crate::figures::{Before, from, is_served, name, person, spread, tell, town};
use crate::site::{LIMIT, Site, settings};
use crate::support::http::Http;
use crate::support::process::Program;
use crate::support::wait::until;

const STORM: &str = "silent module";
const PEOPLE: usize = 100;
/// What the component asks the module.
const ACCOUNT: &str = "urn:xmpp-oauth:account:0";

/// Stands between the component and its server, and can keep from the module what it is asked.
#[derive(Debug, Default)]
struct Between {
    is_silent: AtomicBool,
    kept: AtomicUsize,
}

impl Between {
    async fn listen(self: Arc<Self>, server: SocketAddr) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut links = JoinSet::new();
            while let Ok((component, _)) = listener.accept().await {
                links.spawn(Arc::clone(&self).carry(component, server));
            }
        });
        (address, tasks)
    }

    async fn carry(self: Arc<Self>, component: TcpStream, server: SocketAddr) {
        let server = TcpStream::connect(server).await.unwrap();
        let (from_component, mut to_component) = component.into_split();
        let (mut from_server, to_server) = server.into_split();
        let asked = async {
            let mut reader = Reader::new(from_component, Limits::of_size(1_000_000));
            let mut writer = Writer::new(to_server);
            let header = reader.header().await.unwrap();
            let to = header.attr("to").unwrap().to_owned();
            let opened = writer.open("jabber:component:accept", &[("to", &to)]).await;
            opened.unwrap();
            while let Ok(Incoming::Element(stanza)) = reader.next().await {
                if self.is_silent.load(Ordering::SeqCst) && is_question(&stanza) {
                    self.kept.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                writer.send(&stanza).await.unwrap();
            }
        };
        tokio::select! {
            () = asked => {}
            _ = tokio::io::copy(&mut from_server, &mut to_component) => {}
        }
    }
}

fn is_question(stanza: &Element) -> bool {
    matches!(stanza.attr("type"), Some("get" | "set"))
        && stanza.children().any(|payload| payload.ns() == ACCOUNT)
}

/// The value of a series.
async fn counted(site: &Site, series: &str) -> u64 {
    let url = format!("http://127.0.0.1:{}/metrics", site.program.ops_port);
    let text = Http::new().get(&url).await.text();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(&format!("xmpp_oauth_{series} ")));
    value.expect("the series").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_never_answers_costs_those_who_need_it_a_clear_no_and_nobody_else_anything() {
    let server = town(PEOPLE).await;
    let between = Arc::<Between>::default();
    let (link, _tasks) = Arc::clone(&between).listen(server.component()).await;
    let program = Program::new(|http, ops| settings(http, ops, &link.to_string(), ""));
    let mut program = program.env("RUST_LOG", "info");
    program.start().await;
    let site = Site { server, program };
    site.program.wait_log("the host's module is there", 0).await;

    let good = site.tokens("openid xmpp:client:normal").await;
    let other = site
        .tokens("openid offline_access xmpp:client:normal")
        .await;
    let (provider, client_id) = (Provider::of(&site), Arc::new(site.register().await));
    let before = Before::look(STORM, &site).await;
    between.is_silent.store(true, Ordering::SeqCst);
    let since = Instant::now();
    let logins: Vec<_> = (0..400)
        .map(|n| {
            let (provider, client_id) = (provider.clone(), Arc::clone(&client_id));
            tokio::spawn(async move {
                let mut browser = from(&format!("2001:db8:4:{n:x}::1"));
                let request = Provider::request(&client_id);
                let page = provider.get(&mut browser, &request).await.unwrap();
                let (who, start) = (name(n % PEOPLE), Instant::now());
                let answer = provider.give_password(&mut browser, &page, person(&who));
                let answer = answer.await.unwrap();
                assert_eq!(answer.status, 503, "{}", answer.text());
                assert!(answer.header("retry-after").is_some());
                start.elapsed()
            })
        })
        .collect();
    let refreshing = tokio::spawn({
        let provider = provider.clone();
        async move {
            let start = Instant::now();
            let answer = provider.refresh(&other.client_id, &other.refresh).await;
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            start.elapsed()
        }
    });
    let (mut http, mut userinfo, mut bearer, mut most) = (Vec::new(), Vec::new(), Vec::new(), 0);
    while !logins.iter().all(tokio::task::JoinHandle::is_finished) {
        http.push(is_served(&site).await);
        most = most.max(counted(&site, "link_pending_questions").await);
        let start = Instant::now();
        assert!(site.logs_in(&good.access).await);
        bearer.push(start.elapsed());
        let start = Instant::now();
        let answer = provider.userinfo(&good.access).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        userinfo.push(start.elapsed());
    }
    let mut times = Vec::new();
    for login in logins {
        times.push(login.await.unwrap());
    }
    let refreshed = refreshing.await.unwrap();
    let slowest = times.iter().max().copied().unwrap();
    for line in [
        format!("until somebody was told to come back: {}", spread(times)),
        format!("at most {most} questions were open; a refresh took {refreshed:?}"),
        format!("token logins meanwhile: {}", spread(bearer)),
        format!("userinfo meanwhile: {}", spread(userinfo)),
        format!("HTTP requests meanwhile: {}", spread(http)),
    ] {
        tell(STORM, &line);
    }
    // one time-out for a place, one for the answer
    assert!(slowest < Duration::from_secs(20), "{slowest:?}");
    assert!(most <= 16 + 8, "{most} questions are open");
    assert!(between.kept.load(Ordering::SeqCst) > 16);
    assert_eq!(site.program.log().matches("the link is up").count(), 1);
    assert!(since.elapsed() < Duration::from_secs(40));

    between.is_silent.store(false, Ordering::SeqCst);
    let since = Instant::now();
    until("somebody to get in", LIMIT, async || {
        let mut browser = from("2001:db8:5::1");
        let request = Provider::request(&client_id);
        let page = provider.get(&mut browser, &request).await.unwrap();
        let who = name(0);
        let answer = provider.give_password(&mut browser, &page, person(&who));
        (answer.await.unwrap().status == 303).then_some(())
    })
    .await;
    let took = since.elapsed();
    tell(STORM, &format!("it answers again: in after {took:?}"));
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(counted(&site, "link_pending_questions").await, 0);
    before.is_as_before(&site).await;
}
