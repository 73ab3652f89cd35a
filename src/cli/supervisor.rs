//! What systemd is told, where it has started us (sd_notify(3)): that we are ready, read things again,
//! stop; and, for its watchdog, that we are alive. Without `NOTIFY_SOCKET` all of this is nothing.

use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::app::App;

/// Has templates read again at each `hangup`, and tells of every change until `stop` turns true.
pub(super) async fn attend(app: Arc<App>, mut hangup: Signal, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = app.started.notified() => tell(&[NotifyState::Ready]),
        _ = stop.wait_for(|stop| *stop) => {}
    }
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            // of the signals, none has a last one
            _ = hangup.recv() => tell_of_reloading(),
        }
        app.reload.notify_one();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            () = app.reloaded.notified() => tell(&[NotifyState::Ready]),
        }
    }
    tell(&[NotifyState::Stopping]);
}

/// Feeds the watchdog as long as the runtime runs this and the storage answers. Whether it says yes or
/// no is for the log and for `/readyz`: a new start frees no disk. Silence is what one cures.
pub(super) async fn feed_watchdog(app: Arc<App>) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    loop {
        if let Err(error) = app.check_storage().await {
            tracing::debug!(%error, "the storage answers the watchdog");
        }
        tell(&[NotifyState::Watchdog]);
        sleep(limit / 3).await;
    }
}

fn tell_of_reloading() {
    // with the time: for Type=notify-reload
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told how we are");
    }
}
