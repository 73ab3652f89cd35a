//! A headless Chromium, driven by chromedriver.

use std::path::{Path, PathBuf};

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::geteuid;
use serde_json::json;
use tempfile::TempDir;

use super::child::{Guarded, read_log, unshared};
use super::npm;
use super::wait::{START, until};

/// What the page sees of the device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

impl Look {
    pub(crate) const DESKTOP: Self = Self {
        width: 1280,
        height: 800,
        dark: false,
    };
    pub(crate) const PHONE: Self = Self {
        width: 360,
        height: 740,
        dark: false,
    };

    /// All that the pages are made for.
    pub(crate) const ALL: [Self; 4] = [
        Self::DESKTOP,
        Self::DESKTOP.dark(),
        Self::PHONE,
        Self::PHONE.dark(),
    ];

    pub(crate) const fn dark(self) -> Self {
        Self { dark: true, ..self }
    }

    fn name(self) -> String {
        let scheme = if self.dark { "dark" } else { "light" };
        format!("{}-{scheme}", self.width)
    }
}

/// A browser with an empty profile. Dropped, all of its processes are killed.
pub(crate) struct Browser {
    /// To drive it.
    pub(crate) client: Client,
    look: Look,
    _driver: Guarded,
    dir: TempDir,
}

impl Browser {
    /// # Panics
    /// When chromium or chromedriver is missing or does not start.
    pub(crate) async fn start(look: Look) -> Self {
        let dir = TempDir::with_prefix("xmpp-oauth-browser-").expect("a temp folder");
        let log = dir.path().join("chromedriver.log");
        let mut driver = Guarded::spawn(driver_command(dir.path()), &log);
        let port = until("chromedriver to listen", START, async || {
            if let Some(status) = driver.ended() {
                panic!("chromedriver ended with {status}: {}", read_log(&log));
            }
            port_in(&read_log(&log))
        })
        .await;

        let capabilities = json!({ "goog:chromeOptions": {
            "binary": program(&["chromium", "chromium-browser"]),
            "args": arguments(look, dir.path()),
        }});
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().expect("an object").clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a session of Chromium");
        let browser = Self {
            client,
            look,
            _driver: driver,
            dir,
        };
        browser.emulate().await;
        browser
    }

    /// A desktop window, or below 500 px (which no window can be) a device's screen.
    async fn emulate(&self) {
        let Look {
            width,
            height,
            dark,
        } = self.look;
        let scheme = if dark { "dark" } else { "light" };
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 }),
        )
        .await;
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        )
        .await;
    }

    /// Sees the page, and all that follow, as another device does.
    pub(crate) async fn wear(&mut self, look: Look) {
        self.look = look;
        self.emulate().await;
    }

    /// Asks for all that follows in this language, and no other.
    pub(crate) async fn speak(&self, language: &str) {
        self.devtools("Network.enable", json!({})).await;
        let headers = json!({ "headers": { "Accept-Language": language } });
        self.devtools("Network.setExtraHTTPHeaders", headers).await;
    }

    /// Calls a method of the DevTools protocol.
    pub(crate) async fn devtools(&self, method: &str, params: serde_json::Value) {
        let command = DevTools(json!({ "cmd": method, "params": params }));
        self.client
            .issue_cmd(command)
            .await
            .unwrap_or_else(|error| panic!("{method}: {error}"));
    }

    /// The folder of its profile, which stands in the command line of its processes.
    pub(crate) fn profile(&self) -> PathBuf {
        self.dir.path().join("profile")
    }

    /// Goes to a URL and waits until it has loaded.
    pub(crate) async fn goto(&self, url: &str) {
        self.client
            .goto(url)
            .await
            .unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Writes what the window shows as a PNG file, its folder made if needed.
    pub(crate) async fn screenshot(&self, path: &Path) {
        let png = self.client.screenshot().await.expect("a screenshot");
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, png).expect("write the screenshot");
    }

    /// Waits until something that this selector finds is there.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let found = self.client.wait().at_most(START);
        let found = found.for_element(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    pub(crate) async fn click(&self, css: &str) {
        self.find(css).await.click().await.expect("a click");
    }

    pub(crate) async fn type_into(&self, css: &str, text: &str) {
        self.find(css)
            .await
            .send_keys(text)
            .await
            .expect("keys pressed");
    }

    /// Holds the page that it shows against what every page owes: it needs no scrolling sideways, and axe-core
    /// (the rules of WCAG 2.2 up to AA, and its advice) finds nothing. Leaves a picture of it.
    pub(crate) async fn look_at(&self, page: &str) {
        let name = format!("{page}-{}", self.look.name());
        let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        self.screenshot(&pictures.join(format!("{name}.png"))).await;

        let wide = "return document.documentElement.scrollWidth > innerWidth";
        let is_wide = self.client.execute(wide, Vec::new()).await;
        assert_eq!(
            is_wide.expect("a script"),
            false,
            "{name} is wider than the screen"
        );

        // once for a page, however often it is looked at
        let is_there = self.client.execute("return 'axe' in window", Vec::new());
        if is_there.await.expect("a script") != true {
            let axe = npm::folder().join("node_modules/axe-core/axe.min.js");
            let axe = std::fs::read_to_string(axe).expect("axe-core");
            let loaded = self.client.execute(&axe, Vec::new()).await;
            loaded.expect("axe-core to load");
        }
        let run = "const done = arguments[0]; \
                   const told = (found) => `${found.id}: ${found.nodes.map((node) => node.html).join(' ')}`; \
                   axe.run().then((seen) => done({ found: seen.violations.map(told), passed: seen.passes.length }))";
        let seen = self.client.execute_async(run, Vec::new()).await;
        let seen = seen.expect("axe-core to run");
        assert_eq!(seen["found"], json!([]), "{name}");
        let passed = seen["passed"].as_u64().unwrap_or_default();
        assert!(passed > 5, "{name}: axe-core looked at nothing: {seen}");
    }
}

/// In a process namespace of its own: when the driver ends, by whatever, the kernel kills the browser
/// with all of its helpers.
fn driver_command(dir: &Path) -> std::process::Command {
    const ENTER: &str = r#"exec setpriv --pdeathsig KILL -- \
        unshare --pid --fork --kill-child --mount-proc -- "$@""#;
    let driver = program(&["chromedriver"]);
    let mut command = if geteuid().is_root() {
        std::process::Command::new("sh")
    } else {
        let mut command = unshared(&["--mount"]);
        command.arg("sh");
        command
    };
    command
        .args(["-euc", ENTER, "sh"])
        .arg(driver)
        .arg("--port=0");
    // Chromium's own temp files and crash reports.
    command.env("TMPDIR", dir).env("HOME", dir);
    command
}

fn arguments(look: Look, dir: &Path) -> Vec<String> {
    let own = [
        format!("--user-data-dir={}", dir.join("profile").display()),
        format!("--window-size={},{}", look.width.max(500), look.height),
    ];
    let fixed = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--no-default-browser-check",
    ];
    own.into_iter().chain(fixed.map(String::from)).collect()
}

/// "ChromeDriver was started successfully on port 40123."
fn port_in(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("started successfully on port ")?;
    rest.split_once('.')?.0.parse().ok()
}

/// The first of these programs that is installed.
fn program(names: &[&str]) -> PathBuf {
    names
        .iter()
        .flat_map(|name| {
            [
                Path::new("/usr/bin").join(name),
                Path::new("/snap/bin").join(name),
            ]
        })
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no {names:?}: run tools/install browser"))
}

#[derive(Debug)]
struct DevTools(serde_json::Value);

impl fantoccini::wd::WebDriverCompatibleCommand for DevTools {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}
