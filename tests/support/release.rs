//! Which servers to run, of which Debian release, and how to run their programs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::child::{dies_with_us, unshared};

/// Names the servers to test on. `tools/test-matrix` and the Makefile set it.
const VARIABLE: &str = "XMPP_OAUTH_SERVERS";

/// Where a server's folder shows inside a tree.
const INSIDE: &str = "/srv";

/// A server's software.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Software {
    Prosody,
    Ejabberd,
}

/// Whose package it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The machine's own.
    Machine,
    /// This Debian release's, in a tree made by `tools/tree`.
    Tree(&'static str),
}

/// A server to test on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) software: Software,
    pub(crate) source: Source,
}

/// The servers that `XMPP_OAUTH_SERVERS` names; the machine's own Prosody without it.
pub(crate) fn servers() -> Vec<Release> {
    let names = std::env::var(VARIABLE).unwrap_or_else(|_| "prosody".into());
    names
        .split(',')
        .map(|name| Release::named(name.trim()))
        .collect()
}

impl Release {
    /// `prosody` or `ejabberd`, and perhaps `@` and a Debian release: the machine's own where it is that
    /// release.
    ///
    /// # Panics
    /// When there is no such server.
    fn named(name: &str) -> Self {
        let (software, source) = name.split_once('@').unwrap_or((name, ""));
        let unknown = || -> ! {
            panic!(
                "{VARIABLE} names {name:?}; there are: prosody, ejabberd, each alone or with @bookworm, @trixie"
            )
        };
        Self {
            software: match software {
                "prosody" => Software::Prosody,
                "ejabberd" => Software::Ejabberd,
                _ => unknown(),
            },
            source: match source {
                "" => Source::Machine,
                "bookworm" => Source::of_debian("bookworm"),
                "trixie" => Source::of_debian("trixie"),
                _ => unknown(),
            },
        }
    }

    pub(crate) fn is_prosody(self) -> bool {
        self.software == Software::Prosody
    }

    /// The path at which the server sees `dir`.
    pub(crate) fn sees(self, dir: &Path) -> PathBuf {
        match self.source {
            Source::Machine => dir.to_owned(),
            Source::Tree(_) => INSIDE.into(),
        }
    }

    /// A command of this release that can reach `dir`, and that the kernel kills with the thread
    /// that starts it.
    ///
    /// In a tree it runs by chroot in a mount namespace of its own, without a fork: the process we
    /// start becomes the server itself, and the mounts vanish with it.
    ///
    /// # Panics
    /// When the release is not installed: a missing server is a failure.
    pub(crate) fn command(self, dir: &Path, program: &str) -> Command {
        const ENTER: &str = r#"
            root=$1 dir=$2; shift 2
            mount --rbind /dev "$root/dev"
            mount --bind "$dir" "$root/srv"
            exec setpriv --pdeathsig KILL -- chroot "$root" "$@"
        "#;
        match self.source {
            Source::Machine => {
                let path = Path::new("/usr/bin").join(program);
                assert!(
                    path.exists(),
                    "{} is missing: run tools/install {}",
                    path.display(),
                    self.software
                );
                dies_with_us(path.to_str().expect("an ASCII path"))
            }
            Source::Tree(codename) => {
                let root = trees().join(codename);
                assert!(
                    root.join("usr/bin").join(program).exists(),
                    "no {program} in {}: run tools/tree {codename} {}",
                    root.display(),
                    self.software
                );
                let mut command = unshared(&["--mount"]);
                command
                    .args(["sh", "-euc", ENTER, "sh"])
                    .arg(root)
                    .arg(dir)
                    .arg(program);
                command
            }
        }
    }
}

impl Source {
    fn of_debian(codename: &'static str) -> Self {
        let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let line = format!("VERSION_CODENAME={codename}");
        if system.lines().any(|have| have == line) {
            Self::Machine
        } else {
            Self::Tree(codename)
        }
    }
}

impl fmt::Display for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prosody => "prosody",
            Self::Ejabberd => "ejabberd",
        })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Source::Machine => write!(f, "{}", self.software),
            Source::Tree(codename) => write!(f, "{}@{codename}", self.software),
        }
    }
}

/// The folder of the trees, as `tools/tree` has it.
fn trees() -> PathBuf {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XMPP_OAUTH_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("xmpp-oauth")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/xmpp-oauth")))
        .expect("HOME or XMPP_OAUTH_CACHE")
        .join("trees")
}
