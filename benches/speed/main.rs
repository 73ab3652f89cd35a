//! `make bench`: how fast the release build is, beside what it could be. Each line runs the program and
//! its reference in turns, on one machine at one time, and compares the medians; so a busy machine makes
//! the figures smaller and leaves the ratios alone. `docs/performance.md` says how to read the table.
//!
//! Words on the command line choose groups of lines (`web`, `refresh`, `flows`, `process`, `link`,
//! `prosody`, `ejabberd`); without any, all run. `BENCH_LONG=1` takes longer, and adds a million tokens.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, and prints"
)]
#![allow(dead_code, reason = "it uses a part of the tests' support")]

#[path = "../../tests/support/answers.rs"]
mod answers;
mod http;
mod link;
mod logins;
mod measure;
#[path = "../../tests/server/site.rs"]
mod site;
mod store;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use xmpp_oauth::clock::{Clock as _, SystemClock};
use xmpp_oauth::model::{Client, ClientId, ClientMetadata, ClientOrigin};

use answers::{hidden, parameter, redirect};
use http::{Visitor, always, bytes_of, get, post_form};
use link::{ECHO, LONG_ECHO, REST, Stream};
use measure::{Goal, Line, Pace, Sample, Table, medians, resident_mib, sample};
use site::{CALLBACK, Site, VERIFIER};
use store::Seeds;
use support::child::{Guarded, dies_with_us};
use support::http as client;
use support::http::Http;
use support::process::Program;
use support::prosody::{COMPONENT, Prosody, SECRET};
use support::release::{Release, Software, Source};
use support::server::{Server, Wish};
use support::wait::{START, until};

/// Connections of the web's lines.
const CONNECTIONS: usize = 16;
/// Refreshes under way at once, and rotations in a group of SQLite alone.
const REFRESHES: usize = 128;
const IN_FLIGHT: usize = 48;
/// Grants that are there before anything is measured.
const GRANTS: usize = 10_000;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--bare-hyper", folder] => runtime.block_on(http::bare_hyper(Path::new(folder))),
        ["--echo", port, name, answer] => runtime.block_on(async {
            let answer = answer.parse().ok();
            Stream::join(port.parse().expect("a port"), name)
                .await
                .echo(answer)
                .await;
        }),
        // cargo says --bench
        _ => runtime.block_on(run(&arguments)),
    }
}

async fn run(arguments: &[String]) {
    let is_long = std::env::var_os("BENCH_LONG").is_some();
    let groups: Vec<_> = arguments
        .iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |group: &str| groups.is_empty() || groups.iter().any(|word| *word == group);
    let pace = Pace {
        time: Duration::from_millis(if is_long { 5000 } else { 1500 }),
        rounds: if is_long { 5 } else { 3 },
    };
    let mut table = Table::default();
    if ["web", "refresh", "flows", "process"]
        .into_iter()
        .any(wanted)
    {
        let mut web = Web::start(GRANTS, Seeding::OpenId).await;
        if wanted("process") {
            web.fresh(&mut table).await;
        }
        if wanted("web") {
            web.documents(&mut table, pace).await;
            web.one_connection(&mut table, pace).await;
        }
        if wanted("flows") {
            web.flows(&mut table, pace).await;
        }
        if wanted("refresh") {
            web.with_id_tokens(&mut table, pace).await;
        }
        if wanted("process") {
            let resident = resident_mib(web.program.pid());
            let name = "resident memory after the load above";
            table.fact(name, resident, "MiB", Goal::AtMost(32.0));
            let (step, longest) = store::purge(web.program.dir(), 20_000).await;
            table.fact("purge of 500 rows, median", step, "ms", Goal::Told);
            table.fact(
                "purge of 500 rows, longest",
                longest,
                "ms",
                Goal::AtMost(50.0),
            );
        }
        if wanted("refresh") {
            drop(web);
            refreshes(&mut table, pace).await;
            one_account(&mut table, pace).await;
        }
    }
    if is_long && (wanted("process") || wanted("refresh")) {
        a_million(&mut table, pace).await;
    }
    if wanted("link") || wanted("prosody") {
        on_prosody(&mut table, pace, wanted("link"), wanted("prosody")).await;
    }
    if wanted("ejabberd") {
        let server = Wish::of(release(Software::Ejabberd)).start().await;
        let site = join(server).await;
        logins(&mut table, pace, &site, "ejabberd", 1.0).await;
    }
    tell(&table);
}

/// Prints the table and keeps its JSON.
fn tell(table: &Table) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let machine = json!({
        "cpu": model.map_or("unknown", |model| model.trim_start_matches(['\t', ' ', ':'])),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "load_average": read("/proc/loadavg").trim(),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "version": env!("CARGO_PKG_VERSION"),
        "unix_time": SystemClock.now().as_unix(),
    });
    println!("\n{}", table.text());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = serde_json::to_string_pretty(&table.json(&machine)).expect("JSON");
    let mut files = vec![root.join("target/speed.json")];
    if std::env::var_os("BENCH_KEEP").is_some() {
        files.push(root.join("benches/speed.json"));
    }
    for file in files {
        std::fs::write(&file, format!("{text}\n")).expect("the table's file");
        println!("written: {}", file.display());
    }
}

/// Runs both in turns; the medians of ours and of the reference.
async fn in_turns(
    pace: Pace,
    mut ours: impl AsyncFnMut() -> Sample,
    mut reference: impl AsyncFnMut() -> Sample,
) -> (Sample, Sample) {
    let (mut of_ours, mut of_reference) = (Vec::new(), Vec::new());
    for _ in 0..pace.rounds {
        of_reference.push(reference().await);
        of_ours.push(ours().await);
    }
    (medians(&of_ours), medians(&of_reference))
}

/// Whose grants are there, and of what scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seeding {
    /// An account each; with id_tokens.
    OpenId,
    /// An account each; a chat client's, without id_tokens.
    Chat,
    /// All of one account, without id_tokens.
    OfOne,
}

/// The program on a server that is played, with grants in its database.
struct Web {
    seeding: Seeding,
    program: Program,
    client: Client,
    secret: String,
    rotated: Vec<String>,
}

impl Web {
    async fn start(grants: usize, seeding: Seeding) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let link = listener.local_addr().expect("bound").to_string();
        tokio::spawn(link::play_server(listener));
        let mut program =
            Program::new(|http, ops| site::settings(http, ops, &link, "")).env("RUST_LOG", "info");
        program.start().await;
        let (client, secret) = register(&program).await;
        program.stop().await;
        let mut web = Self {
            seeding,
            rotated: Vec::new(),
            client,
            secret,
            program,
        };
        web.seeds().store(&web.database(), 0, grants).await;
        web.program.start().await;
        web.rotated = (0..grants).map(store::refresh_token).collect();
        web
    }

    fn seeds(&self) -> Seeds {
        Seeds {
            client: self.client.clone(),
            of_one: self.seeding == Seeding::OfOne,
            scope: match self.seeding {
                Seeding::OpenId => "openid xmpp",
                Seeding::Chat | Seeding::OfOne => "xmpp",
            },
        }
    }

    fn database(&self) -> PathBuf {
        self.program.dir().join("xmpp-oauth.db")
    }

    fn basic(&self) -> String {
        use base64::Engine as _;
        let both = format!("{}:{}", self.client.id.as_str(), self.secret);
        let both = base64::engine::general_purpose::STANDARD.encode(both);
        format!("Authorization: Basic {both}\r\n")
    }

    fn watched(&self) -> [(&'static str, u32); 1] {
        [("xmpp-oauth", self.program.pid())]
    }

    /// How it starts, and what it takes while nobody asks.
    async fn fresh(&mut self, table: &mut Table) {
        let mut times = Vec::new();
        for _ in 0..5 {
            self.program.stop().await;
            let since = Instant::now();
            self.program.spawn();
            let url = format!("http://127.0.0.1:{}/readyz", self.program.ops_port);
            loop {
                let answer = Http::new().try_get(&url).await;
                if answer.is_ok_and(|answer| answer.status == 200) {
                    break;
                }
                assert!(since.elapsed() < START, "it does not get ready");
            }
            times.push(since.elapsed().as_secs_f64() * 1e3);
        }
        let name = "from the start to /readyz 200, with the link up";
        table.fact(name, measure::median(times), "ms", Goal::AtMost(50.0));
        // what is done after the link has come up is done when a request has been answered
        bytes_of(self.program.http_port, &get("/oauth2/jwks", "")).await;
        let resident = resident_mib(self.program.pid());
        let name = "resident memory, idle, 10,000 live tokens";
        table.fact(name, resident, "MiB", Goal::AtMost(16.0));
        let bytes = std::fs::metadata(self.database())
            .expect("the database")
            .len();
        let name = "database file for each grant, with its code, session and tokens";
        table.fact(name, bytes as f64 / GRANTS as f64, "bytes", Goal::Told);
    }

    /// What is answered from memory, against bare hyper with the same bytes.
    async fn documents(&self, table: &mut Table, pace: Pace) {
        let token = store::access_token(7);
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let fields = [("token", token.as_str())];
        let introspect = post_form("/oauth2/introspect", &self.basic(), &fields);
        for (name, path, request, goal) in [
            ("introspection", "/oauth2/introspect", introspect, 0.6),
            (
                "userinfo",
                "/oauth2/userinfo",
                get("/oauth2/userinfo", &bearer),
                0.6,
            ),
            (
                "discovery",
                "/.well-known/openid-configuration",
                get("/.well-known/openid-configuration", ""),
                0.8,
            ),
            ("JWKS", "/oauth2/jwks", get("/oauth2/jwks", ""), 0.8),
        ] {
            let (ours, reference) = self.against_hyper(path, &request, CONNECTIONS, pace).await;
            let ratio = reference.cpu["bare hyper"] / ours.cpu["xmpp-oauth"];
            table.add(Line {
                name: format!("{name}: requests for each second of CPU, to bare hyper's"),
                ours: Some(ours),
                reference: Some(reference),
                value: ratio,
                unit: "×",
                goal: Goal::AtLeast(goal),
            });
        }
    }

    async fn one_connection(&self, table: &mut Table, pace: Pace) {
        let bearer = format!("Authorization: Bearer {}\r\n", store::access_token(7));
        let request = get("/oauth2/userinfo", &bearer);
        let (ours, reference) = self
            .against_hyper("/oauth2/userinfo", &request, 1, pace)
            .await;
        table.add(Line {
            name: "userinfo on one connection: p50 to bare hyper's".to_owned(),
            value: ours.p50 / reference.p50,
            ours: Some(ours),
            reference: Some(reference),
            unit: "×",
            goal: Goal::AtMost(1.5),
        });
    }

    async fn against_hyper(
        &self,
        path: &str,
        request: &[u8],
        connections: usize,
        pace: Pace,
    ) -> (Sample, Sample) {
        let folder = self.program.dir().join("answers");
        std::fs::create_dir_all(&folder).expect("a folder");
        let bytes = bytes_of(self.program.http_port, request).await;
        std::fs::write(folder.join(path.replace('/', "!")), bytes).expect("an answer");
        let port_file = folder.with_extension("port");
        let _ = std::fs::remove_file(&port_file);
        let hyper = ourselves(
            &["--bare-hyper", folder.to_str().unwrap()],
            self.program.dir(),
        );
        let port = until("bare hyper to listen", START, async || {
            std::fs::read_to_string(&port_file).ok()?.parse().ok()
        });
        let port: u16 = port.await;
        let watched = [("bare hyper", hyper.pid())];
        let visitors = || (0..connections).map(|_| always(request)).collect();
        in_turns(
            pace,
            async || {
                let load = http::load(self.program.http_port, pace.time, visitors());
                sample(&self.watched(), load).await
            },
            async || sample(&watched, http::load(port, pace.time, visitors())).await,
        )
        .await
    }

    /// Whole flows of people who are logged in: the consent page, the decision, the token.
    async fn flows(&self, table: &mut Table, pace: Pace) {
        let next = Arc::new(AtomicUsize::new(0));
        let mut samples = Vec::new();
        for _ in 0..pace.rounds {
            let visitors = (0..CONNECTIONS).map(|_| self.flow(&next)).collect();
            let load = http::load(self.program.http_port, pace.time, visitors);
            samples.push(sample(&self.watched(), load).await);
        }
        let ours = medians(&samples);
        table.add(Line {
            name: "whole code flows for each second of CPU (three requests each)".to_owned(),
            value: 1e6 / (3.0 * ours.cpu["xmpp-oauth"]),
            ours: Some(ours),
            reference: None,
            unit: "flows",
            goal: Goal::Told,
        });
    }

    fn flow(&self, next: &Arc<AtomicUsize>) -> Visitor {
        let fields = [
            ("response_type", "code"),
            ("client_id", self.client.id.as_str()),
            ("redirect_uri", CALLBACK),
            ("scope", "openid xmpp"),
            ("state", "some state"),
            // also of those who have allowed it in a round before
            ("prompt", "consent"),
            (
                "code_challenge",
                &xmpp_oauth::secrets::sha256_text(VERIFIER),
            ),
            ("code_challenge_method", "S256"),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let (next, basic) = (Arc::clone(next), self.basic());
        let (mut step, mut cookie) = (0, String::new());
        Box::new(move |last| {
            let last = last.filter(|_| step < 3);
            let request = match (step, last) {
                (1, Some(page)) if page.status == 200 => {
                    let (request, ticket) = (hidden(page, "request"), hidden(page, "ticket"));
                    let fields = [
                        ("decision", "allow"),
                        ("request", request.as_str()),
                        ("ticket", ticket.as_str()),
                    ];
                    post_form("/consent", &cookie, &fields)
                }
                (2, Some(answer)) if answer.status == 303 => {
                    let code = parameter(&redirect(answer), "code")?;
                    let fields = [
                        ("grant_type", "authorization_code"),
                        ("code", code.as_str()),
                        ("redirect_uri", CALLBACK),
                        ("code_verifier", VERIFIER),
                    ];
                    post_form("/oauth2/token", &basic, &fields)
                }
                (1 | 2, _) => {
                    step = 0;
                    return None;
                }
                _ => {
                    step = 0;
                    let no = next.fetch_add(1, Ordering::Relaxed) % GRANTS;
                    cookie = format!("Cookie: xmpp-oauth-session={}\r\n", store::cookie(no));
                    get(&format!("/oauth2/authorize?{query}"), &cookie)
                }
            };
            step += 1;
            Some(request)
        })
    }

    /// Refreshes that give an id_token, which is signed by RSA.
    async fn with_id_tokens(&mut self, table: &mut Table, pace: Pace) {
        let mut samples = Vec::new();
        for _ in 0..pace.rounds {
            samples.push(self.refresh_once(pace).await);
        }
        let ours = medians(&samples);
        table.add(Line {
            name: "refreshes that give an id_token (RS256)".to_owned(),
            value: ours.rate,
            ours: Some(ours),
            reference: None,
            unit: "/s",
            goal: Goal::Told,
        });
    }

    async fn refresh_once(&mut self, pace: Pace) -> Sample {
        let share = self.rotated.len() / REFRESHES;
        let returned = Arc::new(std::sync::Mutex::new(Vec::new()));
        let visitors = (0..REFRESHES).map(|_| {
            let tokens = self.rotated.split_off(self.rotated.len() - share);
            self.refresher(tokens, &returned)
        });
        let visitors = visitors.collect::<Vec<_>>();
        let load = http::load(self.program.http_port, pace.time, visitors);
        let sample = sample(&self.watched(), load).await;
        // each visitor hands back what it holds when it is dropped
        self.rotated.append(&mut returned.lock().unwrap());
        sample
    }

    /// Refreshes one of its grants after the other, again and again.
    fn refresher(
        &self,
        tokens: Vec<String>,
        returned: &Arc<std::sync::Mutex<Vec<String>>>,
    ) -> Visitor {
        let basic = self.basic();
        let mut held = Held {
            tokens: tokens.into(),
            under_way: None,
            to: Arc::clone(returned),
        };
        Box::new(move |last| {
            held.settle(last)?;
            let token = held.tokens.pop_front()?;
            let fields = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token.as_str()),
            ];
            let request = post_form("/oauth2/token", &basic, &fields);
            held.under_way = Some(token);
            Some(request)
        })
    }
}

/// A visitor's refresh tokens.
struct Held {
    tokens: std::collections::VecDeque<String>,
    under_way: Option<String>,
    to: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Held {
    fn settle(&mut self, last: Option<&client::Answer>) -> Option<()> {
        let (Some(answer), Some(_)) = (last, self.under_way.take()) else {
            return Some(());
        };
        let json: Value = serde_json::from_slice(&answer.body).ok()?;
        self.tokens
            .push_back(json["refresh_token"].as_str()?.to_owned());
        Some(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // the one under way may have been exchanged: nobody knows its successor, so show it again,
        // which the program takes for a lost answer
        self.tokens.extend(self.under_way.take());
        self.to.lock().unwrap().extend(self.tokens.drain(..));
    }
}

/// Refreshes, each durable, against SQLite alone.
async fn refreshes(table: &mut Table, pace: Pace) {
    let mut web = Web::start(GRANTS, Seeding::Chat).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (mut of_ours, mut of_reference) = (Vec::new(), Vec::new());
    for turn in 0..pace.rounds {
        let database = folder.path().join(format!("alone-{turn}.db"));
        web.seeds().store(&database, 0, GRANTS).await;
        let alone = async {
            let alone = move || store::alone(&database, GRANTS, REFRESHES, pace.time);
            let alone = tokio::task::spawn_blocking(alone).await;
            alone.expect("SQLite alone")
        };
        of_reference.push(sample(&[("SQLite", std::process::id())], alone).await);
        of_ours.push(web.refresh_once(pace).await);
    }
    let (ours, reference) = (medians(&of_ours), medians(&of_reference));
    let (rate, scaled) = (ours.rate, ours.rate * 30_000.0 / reference.rate);
    let name = "refreshes, each durable: to what SQLite alone commits in groups";
    table.add(Line {
        name: name.to_owned(),
        value: rate / reference.rate,
        ours: Some(ours),
        reference: Some(reference),
        unit: "×",
        goal: Goal::AtLeast(0.5),
    });
    let name = "refreshes a second, where SQLite alone would do 30,000";
    table.fact(name, scaled, "/s", Goal::AtLeast(10_000.0));
}

/// The same refreshes where one account holds all the grants.
async fn one_account(table: &mut Table, pace: Pace) {
    let mut many = Web::start(GRANTS, Seeding::Chat).await;
    let mut one = Web::start(GRANTS, Seeding::OfOne).await;
    let (mut of_one, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..pace.rounds {
        of_many.push(many.refresh_once(pace).await);
        of_one.push(one.refresh_once(pace).await);
    }
    let (ours, reference) = (medians(&of_one), medians(&of_many));
    table.add(Line {
        name: "refreshes with 10,000 grants of one account: to 10,000 accounts' one".to_owned(),
        value: ours.rate / reference.rate,
        ours: Some(ours),
        reference: Some(reference),
        unit: "×",
        goal: Goal::AtLeast(0.8),
    });
}

/// A million live tokens, ten thousand of them hot.
async fn a_million(table: &mut Table, pace: Pace) {
    const MANY: usize = 1_000_000;
    let mut few = Web::start(GRANTS, Seeding::Chat).await;
    let mut web = Web::start(GRANTS, Seeding::Chat).await;
    web.program.stop().await;
    web.seeds().store(&web.database(), GRANTS, MANY).await;
    web.program.start().await;
    let bytes = std::fs::metadata(web.database())
        .expect("the database")
        .len();
    let name = "database file for each of a million grants";
    table.fact(name, bytes as f64 / MANY as f64, "bytes", Goal::Told);
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..pace.rounds {
        of_few.push(few.refresh_once(pace).await);
        of_many.push(web.refresh_once(pace).await);
    }
    let (ours, reference) = (medians(&of_many), medians(&of_few));
    table.add(Line {
        name: "refreshes with a million live tokens: to ten thousand".to_owned(),
        value: ours.rate / reference.rate,
        ours: Some(ours),
        reference: Some(reference),
        unit: "×",
        goal: Goal::AtLeast(0.8),
    });
    let next = Arc::new(AtomicUsize::new(GRANTS));
    let hot = (0..CONNECTIONS).map(|_| {
        let (next, basic) = (Arc::clone(&next), web.basic());
        let visitor: Visitor = Box::new(move |last| {
            if last.is_some_and(|answer| answer.status != 200) {
                return None;
            }
            let no = GRANTS + next.fetch_add(1, Ordering::Relaxed) % GRANTS;
            let token = store::access_token(no);
            let fields = [("token", token.as_str())];
            Some(post_form("/oauth2/introspect", &basic, &fields))
        });
        visitor
    });
    let load = http::load(web.program.http_port, pace.time, hot.collect());
    let ours = sample(&web.watched(), load).await;
    assert!(ours.failures == 0.0, "introspection failed");
    let name = "resident memory with a million live tokens, ten thousand hot";
    table.fact(
        name,
        resident_mib(web.program.pid()),
        "MiB",
        Goal::AtMost(64.0),
    );
}

/// The machine's own server.
fn release(software: Software) -> Release {
    Release {
        software,
        source: Source::Machine,
    }
}

/// The program on a real server.
async fn join(server: Server) -> Site {
    let link = server.component().to_string();
    let more = format!("[introspection]\nallowed = [\"{REST}\"]");
    let mut program =
        Program::new(|http, ops| site::settings(http, ops, &link, &more)).env("RUST_LOG", "info");
    program.start().await;
    program.wait_log("the host's module is there", 0).await;
    Site { server, program }
}

async fn on_prosody(table: &mut Table, pace: Pace, with_link: bool, with_logins: bool) {
    let mut builder = Prosody::builder(release(Software::Prosody)).log_level("info");
    for component in [ECHO, LONG_ECHO, REST] {
        builder = builder
            .component_line(&format!("Component \"{component}\""))
            .component_line(&format!("component_secret = \"{SECRET}\""));
    }
    let site = join(Server::Prosody(builder.start().await)).await;
    if with_link {
        introspection(table, pace, &site).await;
    }
    if with_logins {
        logins(table, pace, &site, "Prosody", 2.0).await;
    }
}

/// Introspection on the link, against a component that only echoes.
async fn introspection(table: &mut Table, pace: Pace, site: &Site) {
    let port = site.server.component().port();
    let token = site.tokens("openid xmpp").await.access;
    let mut rest = Stream::join(port, REST).await;
    let question = format!(
        "<introspect xmlns='urn:xmpp-oauth:introspection:0'><token>{token}</token></introspect>"
    );
    let answer = String::from(&rest.answer(COMPONENT, &question).await);
    let echoing = |name: &str, answer: &str| {
        let arguments = ["--echo", &port.to_string(), name, answer];
        ourselves(&arguments, site.program.dir())
    };
    let (echo, as_long) = (echoing(ECHO, ""), echoing(LONG_ECHO, &answer));
    let rest = tokio::sync::Mutex::new(rest);
    for name in [ECHO, LONG_ECHO] {
        until("the echo to answer", START, async || {
            let mut rest = rest.lock().await;
            let load = rest.ask(name, &question, 1, Duration::from_millis(1)).await;
            (load.failures == 0).then_some(())
        })
        .await;
    }
    let server = site.server.pid();
    let ask = async |to: &str, name, pid| {
        let mut rest = rest.lock().await;
        let load = rest.ask(to, &question, IN_FLIGHT, pace.time);
        sample(&[(name, pid), ("Prosody", server)], load).await
    };
    let (ours, reference) = in_turns(
        pace,
        async || ask(COMPONENT, "xmpp-oauth", site.program.pid()).await,
        async || ask(ECHO, "echo", echo.pid()).await,
    )
    .await;
    table.add(Line {
        name: format!("introspection IQs, {IN_FLIGHT} in flight: to an echoing component's"),
        value: ours.rate / reference.rate,
        ours: Some(ours),
        reference: Some(reference),
        unit: "×",
        goal: Goal::AtLeast(0.9),
    });
    let (ours, reference) = in_turns(
        pace,
        async || ask(COMPONENT, "xmpp-oauth", site.program.pid()).await,
        async || ask(LONG_ECHO, "echo", as_long.pid()).await,
    )
    .await;
    table.add(Line {
        name: format!(
            "the same, to an echoing component's whose answers are as long ({} bytes)",
            answer.len()
        ),
        value: ours.rate / reference.rate,
        ours: Some(ours),
        reference: Some(reference),
        unit: "×",
        goal: Goal::Told,
    });
}

/// Logins with a token, against logins with the password on the same server.
async fn logins(table: &mut Table, pace: Pace, site: &Site, name: &str, goal: f64) {
    const AT_ONCE: usize = 8;
    let token = site.tokens("openid xmpp").await.access;
    let (bearer, plain) = (logins::oauthbearer(&token), logins::plain());
    let watched = [
        ("xmpp-oauth", site.program.pid()),
        ("server", site.server.pid()),
    ];
    let log_in = async |auth: &str| {
        let load = logins::load(site.server.c2s(), auth, AT_ONCE, pace.time);
        sample(&watched, load).await
    };
    let (ours, reference) = in_turns(
        pace,
        async || log_in(&bearer).await,
        async || log_in(&plain).await,
    )
    .await;
    let share = ours.cpu["xmpp-oauth"];
    table.add(Line {
        name: format!("OAUTHBEARER logins on {name}: to PLAIN logins"),
        value: ours.rate / reference.rate,
        ours: Some(ours),
        reference: Some(reference),
        unit: "×",
        goal: Goal::AtLeast(goal),
    });
    let name = format!("the program's CPU for a login on {name}");
    table.fact(&name, share, "µs", Goal::AtMost(60.0));
}

/// This program again, in another part.
fn ourselves(arguments: &[&str], folder: &Path) -> Guarded {
    let program = std::env::current_exe().expect("our own path");
    let mut command = dies_with_us(program.to_str().expect("a path in ASCII"));
    command.args(arguments);
    Guarded::spawn(command, &folder.join("reference.log"))
}

/// A confidential client and its secret.
async fn register(program: &Program) -> (Client, String) {
    let metadata = json!({
        "client_name": "Bench",
        "client_uri": "https://bench.example/",
        "application_type": "native",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid xmpp",
    });
    let answer = Http::new()
        .post_json(&program.url("/oauth2/register"), &metadata)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let registered = answer.json();
    let text = |name: &str| registered[name].as_str().expect("a text").to_owned();
    let client = Client {
        id: ClientId::new(text("client_id")),
        metadata: serde_json::from_value::<ClientMetadata>(metadata).expect("metadata"),
        issued_at: SystemClock.now(),
        expires_at: None,
        origin: ClientOrigin::Registered,
    };
    (client, text("client_secret"))
}
