//! Which Prosody to run, and how to run its programs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::child::{dies_with_us, unshared};

/// Names the servers to test on. `tools/test-matrix` and the Makefile set it.
const VARIABLE: &str = "XMPP_OAUTH_SERVERS";

/// Where a server's folder shows inside a tree.
const INSIDE: &str = "/srv";

/// A Prosody to test on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// The machine's own package.
    Machine,
    /// The package of this Debian release, in a tree made by `tools/tree`.
    Tree(&'static str),
}

/// The releases that `XMPP_OAUTH_SERVERS` names; the machine's own without it.
pub(crate) fn servers() -> Vec<Release> {
    let names = std::env::var(VARIABLE).unwrap_or_else(|_| "prosody".into());
    names
        .split(',')
        .map(|name| Release::named(name.trim()))
        .collect()
}

impl Release {
    /// `prosody`, or `prosody@` and a Debian release: the machine's own where it is that release.
    ///
    /// # Panics
    /// When there is no such server.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "prosody" => Self::Machine,
            "prosody@bookworm" => Self::of_debian("bookworm"),
            "prosody@trixie" => Self::of_debian("trixie"),
            _ => panic!(
                "{VARIABLE} names {name:?}; there are: prosody, prosody@bookworm, prosody@trixie"
            ),
        }
    }

    fn of_debian(codename: &'static str) -> Self {
        let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let line = format!("VERSION_CODENAME={codename}");
        if system.lines().any(|have| have == line) {
            Self::Machine
        } else {
            Self::Tree(codename)
        }
    }

    /// The path at which the server sees `dir`.
    pub(super) fn sees(self, dir: &Path) -> PathBuf {
        match self {
            Self::Machine => dir.to_owned(),
            Self::Tree(_) => INSIDE.into(),
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
    pub(super) fn command(self, dir: &Path, program: &str) -> Command {
        const ENTER: &str = r#"
            root=$1 dir=$2; shift 2
            mount --rbind /dev "$root/dev"
            mount --bind "$dir" "$root/srv"
            exec setpriv --pdeathsig KILL -- chroot "$root" "$@"
        "#;
        match self {
            Self::Machine => {
                let path = Path::new("/usr/bin").join(program);
                assert!(
                    path.exists(),
                    "{} is missing: run tools/install prosody",
                    path.display()
                );
                dies_with_us(path.to_str().expect("an ASCII path"))
            }
            Self::Tree(codename) => {
                let root = trees().join(codename);
                assert!(
                    root.join("usr/bin").join(program).exists(),
                    "no Prosody in {}: run tools/tree {codename} prosody",
                    root.display()
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

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("prosody"),
            Self::Tree(codename) => write!(f, "prosody@{codename}"),
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
