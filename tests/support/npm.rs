//! What tests/npm/package.json names, installed by tools/npm.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The folder that it is in.
///
/// # Panics
/// When it could not be installed.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/npm");
        let output = Command::new(tool).output().expect("tools/npm");
        assert!(
            output.status.success(),
            "tools/npm: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("a path")
            .trim()
            .into()
    });
    &FOLDER
}
