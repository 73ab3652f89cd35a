//! The power goes, again and again, while people grant, refresh and revoke.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::apps::Provider;
use crate::figures::{Before, from, name, person, spread, tell, town};
use crate::site::{LIMIT, Site, VERIFIER};
use crate::support::http::{Answer, Http};
use crate::support::process::Program;
use crate::support::wait::until;

const STORM: &str = "kill -9";
const KILLS: usize = 100;
const PEOPLE: usize = 8;

/// What the program has answered about one app of one person.
#[derive(Debug)]
pub(crate) struct App {
    client_id: String,
    name: String,
    known: Known,
}

#[derive(Debug)]
pub(crate) enum Known {
    /// It was granted, this is the newest refresh token that was answered, and the access tokens of its
    /// pair and of the pair before the last exchange.
    Live {
        refresh: String,
        access: String,
        superseded: Option<String>,
    },
    /// It was revoked; these were its tokens.
    Revoked { refresh: String, access: String },
    /// It was asked for and refused.
    Refused,
    /// The answer to the request for it was cut off.
    Unanswered,
}

impl App {
    /// One of which nothing is known.
    pub(crate) fn unanswered(client_id: String, name: String) -> Self {
        Self {
            client_id,
            name,
            known: Known::Unanswered,
        }
    }
}

/// What is shared with those who use the program.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) over: AtomicBool,
    pub(crate) answered: AtomicUsize,
    pub(crate) cut_off: AtomicUsize,
}

impl Load {
    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }
}

/// One person with many apps, who does one thing after the other.
pub(crate) struct Person {
    number: usize,
    provider: Provider,
    load: Arc<Load>,
    browser: Http,
    apps: Vec<App>,
}

/// An answer that says neither yes nor no is none: it is done, or it is not.
pub(crate) fn settled(answer: io::Result<Answer>) -> io::Result<Answer> {
    let answer = answer?;
    match answer.status {
        500.. => Err(io::Error::other(answer.text())),
        _ => Ok(answer),
    }
}

pub(crate) fn text(answer: &Answer, name: &str) -> String {
    let value = answer.json()[name].as_str().map(str::to_owned);
    value.unwrap_or_else(|| panic!("no {name}: {}", answer.text()))
}

impl Person {
    pub(crate) fn new(number: usize, provider: Provider, load: &Arc<Load>) -> Self {
        Self {
            number,
            provider,
            load: Arc::clone(load),
            browser: from(&format!("203.0.113.{number}")),
            apps: Vec::new(),
        }
    }

    pub(crate) async fn live(mut self) -> Vec<App> {
        let mut round = 0;
        while self.load.goes_on() {
            if self.live_round(round).await.is_err() {
                self.load.cut_off.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            round += 1;
        }
        self.apps
    }

    fn answered(&self) {
        self.load.answered.fetch_add(1, Ordering::SeqCst);
    }

    async fn live_round(&mut self, round: usize) -> io::Result<()> {
        match round % 8 {
            0 => self.grant(round).await,
            7 if round.is_multiple_of(5) => self.revoke().await,
            _ => self.refresh().await,
        }
    }

    /// Registers an app and gives it a code: its client_id, its name and the code, where nothing was refused.
    pub(crate) async fn code(
        &mut self,
        round: usize,
    ) -> io::Result<Option<(String, String, String)>> {
        let app_name = format!("app {}.{round}", self.number);
        let answer = self.provider.register(&mut self.browser, &app_name).await?;
        if answer.status != 201 {
            return Ok(None);
        }
        let client_id = text(&answer, "client_id");
        let page = self
            .provider
            .get(&mut self.browser, &Provider::request(&client_id))
            .await?;
        if page.text().contains(r#"name="password""#) {
            let who = name(self.number);
            self.provider
                .give_password(&mut self.browser, &page, person(&who))
                .await?;
        }
        let code = self
            .provider
            .consent(&mut self.browser, &client_id, "allow")
            .await?;
        Ok(code.map(|code| (client_id, app_name, code)))
    }

    /// Gives an app access: now and then one that then fails to show that the code is its own.
    async fn grant(&mut self, round: usize) -> io::Result<()> {
        let Some((client_id, app_name, code)) = self.code(round).await? else {
            return Ok(());
        };
        let is_theirs = !round.is_multiple_of(5);
        let verifier = match is_theirs {
            true => VERIFIER.to_owned(),
            false => "w".repeat(43),
        };
        let redeemed = settled(self.provider.redeem(&client_id, &code, &verifier).await);
        let known = match &redeemed {
            Ok(answer) if answer.status == 200 => {
                assert!(is_theirs, "a code was given to a stranger");
                self.answered();
                Known::Live {
                    refresh: text(answer, "refresh_token"),
                    access: text(answer, "access_token"),
                    superseded: None,
                }
            }
            Ok(answer) => {
                assert_eq!(answer.status, 400, "{}", answer.text());
                assert!(!is_theirs, "{}", answer.text());
                self.answered();
                Known::Refused
            }
            Err(_) if !is_theirs => Known::Refused,
            Err(_) => Known::Unanswered,
        };
        self.apps.push(App {
            client_id,
            name: app_name,
            known,
        });
        redeemed.map(drop)
    }

    /// Exchanges the refresh token of the newest app, with the one that was answered last: the answer to
    /// another exchange may have been lost.
    async fn refresh(&mut self) -> io::Result<()> {
        let live = |app: &&mut App| matches!(app.known, Known::Live { .. });
        let Some(app) = self.apps.iter_mut().rev().find(live) else {
            return Ok(());
        };
        let Known::Live {
            refresh,
            access,
            superseded,
        } = &mut app.known
        else {
            return Ok(());
        };
        let answer = settled(self.provider.refresh(&app.client_id, refresh).await)?;
        assert_eq!(answer.status, 200, "{}: {}", app.name, answer.text());
        *refresh = text(&answer, "refresh_token");
        *superseded = Some(std::mem::replace(access, text(&answer, "access_token")));
        self.answered();
        Ok(())
    }

    /// Takes the oldest app's access away.
    async fn revoke(&mut self) -> io::Result<()> {
        for app in &mut self.apps {
            let Known::Live {
                refresh, access, ..
            } = &app.known
            else {
                continue;
            };
            let (refresh, access) = (refresh.clone(), access.clone());
            // one that was cut off is not known to have happened, and is asked for again
            let deadline = Instant::now() + LIMIT;
            loop {
                let answer = self.provider.revoke(&app.client_id, &refresh).await;
                if answer.is_ok_and(|answer| answer.status == 200) {
                    break;
                }
                self.load.cut_off.fetch_add(1, Ordering::SeqCst);
                assert!(Instant::now() < deadline, "{} cannot be revoked", app.name);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            app.known = Known::Revoked { refresh, access };
            self.load.answered.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_kills_lose_nothing_that_was_answered_and_let_nothing_in_that_was_refused() {
    let mut site = Site::prepared(town(PEOPLE).await, "", |program| {
        program.env("RUST_LOG", "info")
    })
    .await;
    let load = Arc::new(Load::default());
    let people: Vec<_> = (0..PEOPLE)
        .map(|number| {
            let person = Person::new(number, Provider::of(&site), &load);
            tokio::spawn(person.live())
        })
        .collect();
    let mut restarts = Vec::new();
    for kill in 0..KILLS {
        // in the middle of it: some things have been answered since the last kill, others are under way
        let enough = load.answered.load(Ordering::SeqCst) + 5 + kill % 20;
        until("some answers", LIMIT, async || {
            (load.answered.load(Ordering::SeqCst) >= enough).then_some(())
        })
        .await;
        site.program.kill9();
        let since = Instant::now();
        site.program.start().await;
        restarts.push(since.elapsed());
    }
    load.over.store(true, Ordering::SeqCst);
    let mut apps = Vec::new();
    for person in people {
        apps.extend(person.await.unwrap());
    }
    let count = |wanted: fn(&Known) -> bool| apps.iter().filter(|a| wanted(&a.known)).count();
    tell(
        STORM,
        &format!(
            "{} things answered, {} cut off or not taken; {} grants live, {} revoked, {} refused, {} unanswered; \
             ready again: {}",
            load.answered.load(Ordering::SeqCst),
            load.cut_off.load(Ordering::SeqCst),
            count(|known| matches!(known, Known::Live { .. })),
            count(|known| matches!(known, Known::Revoked { .. })),
            count(|known| matches!(known, Known::Refused)),
            count(|known| matches!(known, Known::Unanswered)),
            spread(restarts)
        ),
    );
    assert!(
        load.cut_off.load(Ordering::SeqCst) > 20,
        "it was quiet when the power went"
    );
    check(&site.program, &apps).await;
    let before = Before::look(STORM, &site).await;
    before.is_as_before(&site).await;
}

/// What was answered is so, and nothing else.
pub(crate) async fn check(program: &Program, apps: &[App]) {
    let listed = program.run(&["grants", "list", "--json"]).await;
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let granted: BTreeSet<_> = listed
        .iter()
        .map(|grant| grant["client_name"].as_str().unwrap())
        .collect();
    let provider = Provider::of_all([program]);
    for app in apps {
        let is_granted = granted.contains(app.name.as_str());
        match &app.known {
            Known::Live {
                refresh,
                superseded,
                access,
            } => {
                assert!(is_granted, "{app:?} is lost");
                let opens = provider.userinfo(access).await.unwrap();
                if let Some(old) = superseded {
                    let old = provider.userinfo(old).await.unwrap();
                    assert_eq!(old.status, 401, "{app:?}: an exchange was undone");
                }
                let answer = provider.refresh(&app.client_id, refresh).await.unwrap();
                assert_eq!(answer.status, 200, "{app:?}: {}", answer.text());
                // 401: an exchange was done whose answer was cut off, and has just been asked for again
                assert!([200, 401].contains(&opens.status), "{app:?}");
            }
            Known::Revoked { refresh, access } => {
                assert!(!is_granted, "{app:?} is back");
                let answer = provider.refresh(&app.client_id, refresh).await.unwrap();
                assert_eq!(answer.status, 400, "{app:?}: {}", answer.text());
                assert_eq!(provider.userinfo(access).await.unwrap().status, 401);
            }
            Known::Refused => assert!(!is_granted, "{app:?} was refused"),
            Known::Unanswered => {}
        }
    }
    let told: BTreeSet<_> = apps.iter().map(|app| app.name.as_str()).collect();
    let unknown: Vec<_> = granted.difference(&told).collect();
    assert!(unknown.is_empty(), "nobody asked for {unknown:?}");
}
