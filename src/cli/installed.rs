//! Where things lie when a package has put the program into /usr/bin. Anywhere else, all stands in the
//! configuration's own folder.

use std::path::{Path, PathBuf};

/// The package's configuration; its folder's group may read what is in it, and is the service's.
const CONFIG: &str = "/etc/xmpp-oauth/component.toml";
/// The service's `RuntimeDirectory`.
const CONTROL_SOCKET: &str = "/run/xmpp-oauth/control.sock";
/// In the service's `StateDirectory`.
const DATABASE: &str = "/var/lib/xmpp-oauth/xmpp-oauth.db";
/// Where Debian's Prosody looks for modules by itself.
const PROSODY_MODULE: &str = "/usr/lib/prosody/modules/mod_oauth_component.lua";

/// Where `init` has the service keep what it makes.
pub(super) struct Places {
    pub(super) control_socket: &'static str,
    pub(super) database: &'static str,
}

/// The configuration that is meant where none is named.
pub(super) fn config() -> PathBuf {
    match is_packaged() {
        true => CONFIG.into(),
        false => "component.toml".into(),
    }
}

/// The service's own places, if `file` is its configuration.
pub(super) fn places(file: &Path) -> Option<Places> {
    (is_packaged() && file == Path::new(CONFIG)).then_some(Places {
        control_socket: CONTROL_SOCKET,
        database: DATABASE,
    })
}

/// Whether Prosody finds the module without being told where.
pub(super) fn prosody_finds_module() -> bool {
    is_packaged() && Path::new(PROSODY_MODULE).exists()
}

/// The folder of a server's module: with the sources that the program was built in, or where packages
/// put it; otherwise the operator knows.
pub(super) fn module_folder(server: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .flat_map(|folder| {
            [
                folder.join("server-modules").join(server),
                folder.join("share/xmpp-oauth/server-modules").join(server),
            ]
        })
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| Path::new("/path/to/xmpp-oauth/server-modules").join(server))
}

fn is_packaged() -> bool {
    std::env::current_exe().is_ok_and(|program| program.parent() == Some(Path::new("/usr/bin")))
}
