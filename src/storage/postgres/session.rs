//! A connection with what belongs to it: how it is made, and the statements that it has prepared.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::db;
use super::failure::Failure;
use crate::config::Postgres;
use crate::storage::sql::Value;
use crate::storage::{Result, StoreError};
use crate::tls;

/// How long a host may take to let us in.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a statement may take, a listing of everything too. The server is told less than we wait, so
/// that it is the server who ends it.
const STATEMENT: Duration = Duration::from_secs(35);

/// A connection's settings. A transaction is known to be on the disk; a plan does not hang on the values
/// that are bound, nor on how few rows there were when it was made: all statements have their indices.
const SETTINGS: &str = "
    SET synchronous_commit = on;
    SET statement_timeout = '30s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '30s';
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET client_min_messages = warning;
";

/// Where the database is, and as whom it is used.
#[derive(Debug)]
pub(super) struct Server {
    config: Config,
    tls: Option<MakeRustls>,
    /// Its URL, without a password.
    name: String,
}

struct MakeRustls(MakeRustlsConnect);

impl std::fmt::Debug for MakeRustls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MakeRustls")
    }
}

impl Server {
    pub(super) fn new(settings: &Postgres) -> Result<Self> {
        let name = settings.to_string();
        let mut config = Config::new();
        for (host, port) in &settings.hosts {
            config.host(host).port(*port);
        }
        config
            .user(&settings.user)
            .dbname(&settings.name)
            .application_name("xmpp-oauth")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .ssl_mode(match settings.tls {
                Some(_) => SslMode::Require,
                None => SslMode::Disable,
            });
        if let Some(password) = &settings.password {
            config.password(password.expose());
        }
        let tls = settings.tls.as_ref().map(|tls| {
            let trusted = tls::client_config(tls.ca_file.as_deref());
            trusted.map(|trusted| MakeRustls(MakeRustlsConnect::new(trusted)))
        });
        Ok(Self {
            config,
            tls: tls
                .transpose()
                .map_err(|error| StoreError::Database(format!("{name}: {error}")))?,
            name,
        })
    }

    /// Logs in. Notifications that come over the connection are passed on to `told`.
    pub(super) async fn connect(&self, told: &Arc<Notify>) -> std::result::Result<Client, Failure> {
        let connected = async {
            let client = match &self.tls {
                Some(MakeRustls(tls)) => {
                    let (client, connection) = self.config.connect(tls.clone()).await?;
                    carry_on(connection, Arc::clone(told));
                    client
                }
                None => {
                    let (client, connection) = self.config.connect(NoTls).await?;
                    carry_on(connection, Arc::clone(told));
                    client
                }
            };
            client.batch_execute(SETTINGS).await?;
            Ok(client)
        };
        // each host has its own time, and there may be several
        let limit = CONNECT * (self.config.get_hosts().len() as u32 + 1);
        match timeout(limit, connected).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(Failure::of(&error)),
            Err(_) => Err(Failure::timed_out()),
        }
    }

    /// An error that says which database it is about.
    pub(super) fn failed(&self, failure: &Failure) -> StoreError {
        StoreError::Database(format!("{}: {}", self.name, failure.text()))
    }
}

/// A thread's end of its connection, which is carried on whenever the thread waits for anything.
pub(super) struct Session {
    pub(super) client: Client,
    statements: RefCell<HashMap<String, Statement>>,
}

impl Session {
    /// Logs in.
    pub(super) async fn open(server: &Server) -> std::result::Result<Self, Failure> {
        Ok(Self {
            client: server.connect(&Arc::default()).await?,
            statements: RefCell::default(),
        })
    }

    /// The statement of this text, if it has been prepared.
    pub(super) fn known(&self, sql: &str) -> Option<Statement> {
        self.statements.borrow().get(sql).cloned()
    }

    /// Prepares a statement for parameters of these types, once.
    pub(super) async fn prepared(
        &self,
        sql: &str,
        params: &[Value<'_>],
    ) -> std::result::Result<Statement, Failure> {
        if let Some(statement) = self.known(sql) {
            return Ok(statement);
        }
        let types: Vec<Type> = params.iter().map(db::type_of).collect();
        let numbered = db::numbered(sql);
        let statement = in_time(self.client.prepare_typed(&numbered, &types)).await?;
        self.statements
            .borrow_mut()
            .insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// What comes of a request to the server, if it comes in time.
pub(super) async fn in_time<T>(
    request: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
) -> std::result::Result<T, Failure> {
    match timeout(STATEMENT, request).await {
        Ok(answer) => answer.map_err(|error| Failure::of(&error)),
        Err(_) => Err(Failure::timed_out()),
    }
}

fn carry_on<S, T>(mut connection: Connection<S, T>, told: Arc<Notify>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        // Whoever uses it next hears of its end; what it was is for the log.
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(_)) => told.notify_one(),
                Ok(_) => {}
                Err(error) => {
                    let error = Failure::of(&error).text();
                    tracing::warn!(error, "a connection to the database ended");
                    break;
                }
            }
        }
        told.notify_one();
    });
}

/// What carries a thread's connection on.
pub(super) fn runtime() -> Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StoreError::Database(format!("no thread for it: {error}")))
}
