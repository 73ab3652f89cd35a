//! `serve`: runs until told to stop, by SIGTERM or SIGINT. At SIGHUP it reads templates again.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{control, log, supervisor};
use crate::app::App;
use crate::config::Config;

pub(super) async fn run(config: &Arc<Config>) -> ExitCode {
    log::start(&config.log);
    match serve(Arc::clone(config)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Arc<Config>) -> Result<(), Box<dyn std::error::Error>> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let stop = stop_signal()?;
    let control = control::own(&config).await?;
    let hangup = signal(SignalKind::hangup())?;
    let app = Arc::new(App::build(config).await?);
    tokio::spawn(supervisor::attend(Arc::clone(&app), hangup, stop.clone()));
    tokio::spawn(supervisor::feed_watchdog(Arc::clone(&app)));
    tokio::select! {
        served = app.serve(stop) => served?,
        () = control.answer(Arc::clone(&app)) => {}
    }
    Ok(())
}

/// Turns true at SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.send_replace(true);
    });
    Ok(stopped)
}
