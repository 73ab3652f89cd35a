//! The listener: HTTP/1.1 on our own accept loop, with a cap on connections, a time for a request's
//! head to arrive in, and an orderly end. The operator's proxy speaks newer versions to the world.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tower::Service as _;

use super::counts::DoorCounts;
use super::explained::Explained;
use super::places::{Arriving, Place, Places, Seated};
use super::request::Peer;

/// How long requests under way have to end after the listener was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How long a connection stays then that nothing is asked over: a request takes its time on the way here.
const UNDER_WAY: Duration = Duration::from_millis(250);

/// What a listener allows, and counts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once. Whoever has kept us waiting longest makes room for one more.
    pub max_connections: usize,
    /// How long a request's head may take to arrive, and how long a client may read nothing of an answer.
    pub head_timeout: Duration,
    /// How often that was not enough for somebody.
    pub counts: DoorCounts,
}

/// Serves `router` on `listener` until `stop` turns true; then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(64 * 1024);
    let stopped = stop.clone();
    let places = Places::new(limits.max_connections, limits.counts.connections.clone());
    let begin = |(stream, peer): (TcpStream, _), place: Arc<Place>| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let stream = Seated::new(stream, Arc::clone(&place));
        let router = router.clone();
        let connections_place = Arc::clone(&place);
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            let place = Arc::clone(&place);
            let extensions = request.extensions_mut();
            extensions.insert(Peer(peer));
            extensions.insert(Arc::clone(&place));
            let request = request.map(|body| Arriving::new(body, Arc::clone(&place)));
            let mut router = router.clone();
            async move {
                let answer = router.call(request).await;
                place.waits();
                answer
            }
        });
        let connection = builder.serve_connection(
            TokioIo::new(Explained::new(
                stream,
                limits.head_timeout,
                limits.counts.clone(),
            )),
            service,
        );
        let head_timeout = limits.counts.head_timeout.clone();
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let mut closing = pin!(async move {
                // the sender gone means the same
                let _ = stopped.wait_for(|stop| *stop).await;
                sleep(UNDER_WAY).await;
            });
            let mut is_closing = false;
            loop {
                // The connection goes first: what has been answered is written before it is ended.
                tokio::select! {
                    biased;
                    ended = connection.as_mut() => {
                        if let Err(error) = ended {
                            if error.is_timeout() {
                                head_timeout.inc();
                            }
                            tracing::debug!(%error, "a connection ended badly");
                        }
                        return;
                    }
                    () = connections_place.asked_to_leave() => return,
                    () = closing.as_mut(), if !is_closing => {
                        is_closing = true;
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        });
    };
    // those who have connected before the end are served, too
    let mut unserved = Vec::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        let connection = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                // out of file descriptors, most likely: give connections time to end
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {
                unserved.push(connection);
                break;
            }
            place = places.take() => begin(connection, place),
        }
    }
    unserved.extend(waiting(listener));
    let all_ended = async {
        for connection in unserved {
            begin(connection, places.take().await);
        }
        // also what is carried out for those who have hung up
        places.all_free().await;
    };
    if tokio::time::timeout(DRAIN, all_ended).await.is_err() {
        tracing::warn!("some requests were still under way when the program stopped");
    }
}

/// Closes a listener: the connections that nobody has accepted yet. The kernel would reset them.
fn waiting(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else {
        return Vec::new();
    };
    let accepted = std::iter::from_fn(|| listener.accept().ok());
    let accepted = accepted.filter_map(|(stream, peer)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    });
    accepted.collect()
}

/// A request that changes something is carried out to its end, even if whoever sent it hangs up meanwhile:
/// what the storage has committed must reach the caches and the server, too. It keeps the connection's place
/// until then.
pub(super) async fn to_the_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let place = request.extensions().get::<Arc<Place>>().cloned();
    let answering = async move {
        let answer = next.run(request).await;
        drop(place);
        answer
    };
    match tokio::spawn(answering).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a request failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::middleware::from_fn;
    use axum::routing::post;
    use tokio::io::AsyncWriteExt as _;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_request_that_changes_something_is_carried_out_though_its_sender_hangs_up() {
        let (begun, go_on, done) = (
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
        );
        let (b, g, d) = (Arc::clone(&begun), Arc::clone(&go_on), Arc::clone(&done));
        let handler = post(async move || {
            b.notify_one();
            g.notified().await;
            d.notify_one();
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            max_connections: 10,
            head_timeout: Duration::from_secs(10),
            counts: DoorCounts::default(),
        };
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(serve(
            listener,
            Router::new().route("/", handler).layer(from_fn(to_the_end)),
            limits,
            stopped,
        ));

        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        begun.notified().await;
        drop(stream);
        // another connection is answered, so the first one's end has been seen as well
        let mut other = TcpStream::connect(address).await.unwrap();
        other
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        tokio::io::copy(&mut other, &mut tokio::io::sink())
            .await
            .unwrap();
        go_on.notify_one();
        let finished = tokio::time::timeout(Duration::from_secs(10), done.notified()).await;
        assert!(finished.is_ok(), "the request was given up half-way");
    }

    #[tokio::test]
    async fn who_has_connected_before_the_end_is_served() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            max_connections: 10,
            head_timeout: Duration::from_secs(10),
            counts: DoorCounts::default(),
        };
        // connected, but not accepted: nobody serves yet
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (stop, stopped) = watch::channel(true);
        let router = Router::new().route("/", post(async || "done"));
        let serving = tokio::spawn(serve(listener, router, limits, stopped));
        stream
            .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        tokio::io::copy(&mut stream, &mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
        serving.await.unwrap();
        drop(stop);
        TcpStream::connect(address).await.unwrap_err();
    }
}
