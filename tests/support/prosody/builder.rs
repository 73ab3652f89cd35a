//! What a test may want of its Prosody.

use std::path::PathBuf;

use super::config::write_files;
use super::{ADMIN, ALICE, ALICE_ELSEWHERE, BOB, Prosody, User};
use crate::support::release::Release;

/// Made by [`Prosody::builder`]. Everything is optional.
pub(crate) struct Builder {
    pub(super) release: Release,
    pub(super) oauth_module: bool,
    pub(super) users: Vec<(String, String, String)>,
    pub(super) global_modules: Vec<&'static str>,
    pub(super) host_modules: Vec<&'static str>,
    pub(super) module_files: Vec<PathBuf>,
    pub(super) require_encryption: bool,
    pub(super) global_lines: String,
    pub(super) host_lines: String,
    pub(super) other_host_lines: String,
    pub(super) component_lines: String,
    pub(super) log_level: &'static str,
}

impl Builder {
    pub(super) fn new(release: Release) -> Self {
        let builder = Self {
            release,
            oauth_module: true,
            users: Vec::new(),
            global_modules: Vec::new(),
            host_modules: Vec::new(),
            module_files: Vec::new(),
            require_encryption: false,
            global_lines: String::new(),
            host_lines: String::new(),
            other_host_lines: String::new(),
            component_lines: String::new(),
            log_level: "debug",
        };
        [ALICE, BOB, ADMIN, ALICE_ELSEWHERE]
            .into_iter()
            .fold(builder, Self::user)
    }

    /// Leaves our server module out.
    pub(crate) fn without_oauth_module(mut self) -> Self {
        self.oauth_module = false;
        self
    }

    /// One more account.
    pub(crate) fn user(mut self, user: User<'_>) -> Self {
        self.users
            .push((user.host.into(), user.name.into(), user.password.into()));
        self
    }

    /// Modules for every host (`smacks`, `websocket`, `bosh`, `limits`, `sasl2` …).
    pub(crate) fn global_modules(mut self, names: &[&'static str]) -> Self {
        self.global_modules.extend(names);
        self
    }

    /// Modules for `localhost` alone.
    pub(crate) fn host_modules(mut self, names: &[&'static str]) -> Self {
        self.host_modules.extend(names);
        self
    }

    /// A module's file (`mod_x.lua`) from elsewhere, to be named as a module too.
    pub(crate) fn module_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.module_files.push(path.into());
        self
    }

    /// Whether clients must use TLS before they log in. They need not, unless set.
    pub(crate) fn require_encryption(mut self, required: bool) -> Self {
        self.require_encryption = required;
        self
    }

    /// What it logs; all, unless set.
    pub(crate) fn log_level(mut self, level: &'static str) -> Self {
        self.log_level = level;
        self
    }

    /// A line of Lua in the global section. Later lines win over the harness's own.
    pub(crate) fn global_line(mut self, line: &str) -> Self {
        self.global_lines += &format!("{line}\n");
        self
    }

    /// A line of Lua in `localhost`'s section.
    pub(crate) fn host_line(mut self, line: &str) -> Self {
        self.host_lines += &format!("{line}\n");
        self
    }

    /// A line of Lua in `other.localhost`'s section.
    pub(crate) fn other_host_line(mut self, line: &str) -> Self {
        self.other_host_lines += &format!("{line}\n");
        self
    }

    /// A line of Lua in the component's section; a new section may follow.
    pub(crate) fn component_line(mut self, line: &str) -> Self {
        self.component_lines += &format!("{line}\n");
        self
    }

    /// Starts it and waits until it listens and has loaded everything.
    ///
    /// # Panics
    /// When the server is not installed, does not start or cannot load a module.
    pub(crate) async fn start(self) -> Prosody {
        let dir = tempfile::Builder::new()
            .prefix("xmpp-oauth-prosody-")
            .tempdir();
        let dir = dir.expect("a temp folder");
        write_files(dir.path(), &self);
        Prosody::first_start(self, dir).await
    }
}
