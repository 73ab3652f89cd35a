//! The control socket: how the other commands reach a `serve` that runs, so that nothing is done
//! behind its back. One JSON line each way, from the owner's (or root's) processes alone.
//!
//! A lock beside the socket says who owns the storage. It goes with its process, so that a socket
//! file left behind by a crash is in nobody's way.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use super::operations::{Failed, Operation, Outcome, perform};
use crate::app::App;
use crate::config::Config;

/// The longest line: a list of very many grants.
const MAX_LINE: u64 = 256 * 1024 * 1024;
/// The longest question; a `client_id` has 4 KiB at most.
const MAX_QUESTION: u64 = 64 * 1024;
/// How long an operation may take.
const TIME: Duration = Duration::from_secs(60);
/// How long a `serve` may take to begin or to stop, from the view of a command.
const CHANGE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reply {
    Done(Outcome),
    Failed(Failed),
}

/// Asks a `serve` that runs; without one, does it here.
pub(super) async fn ask(config: &Arc<Config>, operation: Operation) -> Result<Outcome, Failed> {
    match reach(config).await? {
        Reached::Serve(mut line) => line.ask(operation).await,
        Reached::Nobody(_lock) => {
            let app = App::build(Arc::clone(config)).await;
            let app = app.map_err(|error| error.to_string())?;
            let outcome = perform(&app, operation, false).await;
            app.close().await;
            outcome
        }
    }
}

/// Who there is to ask.
pub(super) enum Reached {
    /// `serve` runs.
    Serve(Line),
    /// It does not, and does not begin as long as this lock is held.
    Nobody(Option<Lock>),
}

/// A connection to `serve`.
pub(super) struct Line(BufReader<UnixStream>);

impl Line {
    /// Asks for an operation.
    pub(super) async fn ask(&mut self, operation: Operation) -> Result<Outcome, Failed> {
        let broken =
            |error: io::Error| format!("serve did not answer on the control socket: {error}");
        let exchange = async {
            write_line(self.0.get_mut(), &operation).await?;
            read_line(&mut self.0, MAX_LINE).await
        };
        let answer = timeout(TIME, exchange).await.map_err(io::Error::other);
        match answer.and_then(|answer| answer).map_err(broken)? {
            Some(Reply::Done(outcome)) => Ok(outcome),
            Some(Reply::Failed(why)) => Err(why),
            None => Err("serve stopped before it answered".to_owned()),
        }
    }
}

/// Connects to `serve`, or makes sure that none runs.
pub(super) async fn reach(config: &Config) -> Result<Reached, Failed> {
    let path = &config.control_socket;
    let deadline = Instant::now() + CHANGE;
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(Reached::Serve(Line(BufReader::new(stream)))),
            Err(error) if is_nobody(&error) => {}
            Err(error) => {
                return Err(format!(
                    "control_socket {}: {error} (use the account that serve runs under)",
                    path.display()
                ));
            }
        }
        match Lock::take(path, false)? {
            Taken::Ours(lock) => return Ok(Reached::Nobody(lock)),
            // it is starting or stopping, or another command is at work
            Taken::Theirs if Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
            Taken::Theirs => {
                return Err(format!(
                    "another xmpp-oauth process is starting or stopping: it holds {}",
                    lock_path(path).display()
                ));
            }
        }
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// The right to work on the storage alone; gone with the process at the latest.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

enum Taken {
    /// `None`: there is no lock file, so no `serve` ever ran here.
    Ours(Option<Lock>),
    Theirs,
}

impl Lock {
    /// `create`: for `serve` alone; a command run by root must leave no file that `serve` cannot open.
    fn take(socket: &Path, create: bool) -> Result<Taken, Failed> {
        let path = lock_path(socket);
        let failed = |error: io::Error| format!("control_socket: {}: {error}", path.display());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = match file {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !create => {
                return Ok(Taken::Ours(None));
            }
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock() {
            Ok(()) => Ok(Taken::Ours(Some(Self(file)))),
            Err(TryLockError::WouldBlock) => Ok(Taken::Theirs),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

fn lock_path(socket: &Path) -> PathBuf {
    let mut path = socket.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

/// The control socket of a `serve`, which owns the storage as long as this lives.
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
    _lock: Option<Lock>,
}

/// The right to serve. Refused while another process has it; a command that works on the storage is
/// waited for.
pub(super) async fn own(config: &Config) -> Result<Control, Failed> {
    let path = config.control_socket.clone();
    let deadline = Instant::now() + CHANGE;
    let lock = loop {
        if UnixStream::connect(&path).await.is_ok() {
            return Err(already_running(&path));
        }
        match Lock::take(&path, true)? {
            Taken::Ours(lock) => break lock,
            Taken::Theirs if Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
            Taken::Theirs => return Err(already_running(&path)),
        }
    };
    let failed = |error: io::Error| format!("control_socket {}: {error}", path.display());
    // whoever left it there is gone: the lock is ours
    match std::fs::symlink_metadata(&path) {
        Ok(left) if is_socket(&left) => std::fs::remove_file(&path).map_err(failed)?,
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let owner = std::fs::metadata(&path).map_err(failed)?.uid();
    Ok(Control {
        listener,
        path,
        owner,
        _lock: lock,
    })
}

fn is_socket(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    metadata.file_type().is_socket()
}

fn already_running(path: &Path) -> Failed {
    format!(
        "serve is already running (it holds the control socket {})",
        path.display()
    )
}

impl Control {
    /// Answers the commands, until it is dropped.
    pub(super) async fn answer(&self, app: Arc<App>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) if self.is_allowed(&stream) => {
                    let app = Arc::clone(&app);
                    tokio::spawn(async move {
                        if let Err(error) = converse(&app, stream).await {
                            tracing::debug!(%error, "a command broke off");
                        }
                    });
                }
                Ok(_) => tracing::warn!("another user tried the control socket"),
                Err(error) => {
                    tracing::warn!(%error, "a command could not be heard");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Until its mode is set, others might connect to the socket.
    fn is_allowed(&self, stream: &UnixStream) -> bool {
        let peer = stream.peer_cred().map(|peer| peer.uid());
        peer.is_ok_and(|uid| uid == 0 || uid == self.owner)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(app: &App, stream: UnixStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let operation = match read_line::<Operation>(&mut stream, MAX_QUESTION).await {
            Ok(Some(operation)) => operation,
            Ok(None) => return Ok(()),
            Err(error) => {
                let reply = Reply::Failed(format!("serve does not understand this: {error}"));
                return write_line(stream.get_mut(), &reply).await;
            }
        };
        tracing::debug!(?operation, "a command");
        let reply = match perform(app, operation, true).await {
            Ok(outcome) => Reply::Done(outcome),
            Err(why) => Reply::Failed(why),
        };
        write_line(stream.get_mut(), &reply).await?;
    }
}

async fn write_line(stream: &mut UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

async fn read_line<T: for<'de> Deserialize<'de>>(
    stream: &mut BufReader<UnixStream>,
    longest: u64,
) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    stream.take(longest).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}
