//! A PostgreSQL of our own, out of the machine's package, in a temp folder. It ends with the test program,
//! however that ends: a shell stands by, reads what is to be done from a pipe, and cleans up when that is
//! closed. So it may live in a `static`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness fails by panicking"
)]
#![allow(dead_code, reason = "not every test program uses every part")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::NoTls;
use xmpp_oauth::config::{self, Database, Postgres};
use xmpp_oauth::storage::Store as _;
use xmpp_oauth::storage::postgres::PostgresStore;

/// Runs as who owns the data, which may not be root. Each line that it reads is a mode to stop the server
/// in (`fast`, `immediate`), or `start`.
const STANDS_BY: &str = r#"
trap '' INT
bin=$1; port=$2; more=$3
dir=$(mktemp -d /tmp/xmpp-oauth-postgres.XXXXXX) || exit 1
clean_up() {
	"$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1
	rm -rf "$dir"
}
trap clean_up EXIT
cd "$dir"
run() { "$@" >"$dir/last" 2>&1 || { tr '\n' ' ' <"$dir/last"; cat "$dir/log" 2>/dev/null | tail -n 20 | tr '\n' ' '; echo; exit 1; }; }
start() { run "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start; }
run "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync
cat >>"$dir/data/postgresql.conf" <<END
unix_socket_directories = '$dir'
port = $port
fsync = off
full_page_writes = off
max_connections = 200
$more
END
cat >"$dir/data/pg_hba.conf" <<END
local all all trust
host all all samenet scram-sha-256
END
if [ "$port" != 5432 ]; then
	run openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
		-addext basicConstraints=critical,CA:FALSE \
		-keyout data/server.key -out data/server.crt
	chmod 600 data/server.key
fi
start
echo "$dir"
while read -r what; do
	case $what in
	start) start ;;
	*) run "$bin/pg_ctl" -D "$dir/data" -m "$what" -w -t 60 stop ;;
	esac
	echo done
done
"#;

/// A server that runs.
pub(crate) struct Server {
    says: std::sync::Mutex<BufReader<ChildStdout>>,
    told: std::sync::Mutex<Option<ChildStdin>>,
    child: Child,
    dir: PathBuf,
    /// The schema of a new store, to be copied.
    template: OnceCell<Postgres>,
    /// How many databases have been made.
    databases: Mutex<u32>,
}

impl Server {
    /// The one for all tests of a program that only need a database. It has no TCP.
    pub(crate) fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| Self::start(5432, "listen_addresses = ''"))
    }

    /// One that a test may stop and start. It listens on a port of loopback too, with TLS if it is asked
    /// for, where it wants passwords.
    pub(crate) fn own(port: u16) -> Self {
        Self::own_at(port, "127.0.0.1")
    }

    /// The same, at these addresses, with commas between them.
    pub(crate) fn own_at(port: u16, addresses: &str) -> Self {
        let more = format!("listen_addresses = '{addresses}'\nssl = on");
        Self::start(port, &more)
    }

    fn start(port: u16, more: &str) -> Self {
        let bin = newest_bin();
        let mut command = Command::new("setpriv");
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        command
            .args(["--", "sh", "-c", STANDS_BY, "sh"])
            .arg(bin)
            .args([&port.to_string(), more])
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("setpriv");
        let told = child.stdin.take();
        let mut says = BufReader::new(child.stdout.take().expect("a pipe"));
        let dir = PathBuf::from(line(&mut says));
        assert!(dir.is_dir(), "PostgreSQL did not start: {}", dir.display());
        Self {
            says: says.into(),
            told: told.into(),
            child,
            dir,
            template: OnceCell::new(),
            databases: Mutex::default(),
        }
    }

    /// Has the server stopped (`fast`, `immediate`) or started (`start`), and waits for it.
    pub(crate) fn tell(&self, what: &str) {
        let mut told = self.told.lock().expect("nobody panicked with it");
        writeln!(told.as_mut().expect("it is not dropped"), "{what}").expect("it stands by");
        let answer = line(&mut self.says.lock().expect("nobody panicked with it"));
        assert_eq!(answer, "done", "PostgreSQL did not {what}");
    }

    /// The certificate of its TLS, which is for `localhost`.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.join("data/server.crt")
    }

    /// The URL of a database, over the socket.
    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres:///{database}?user=postgres&host={}&port={}",
            self.dir.display(),
            self.port()
        )
    }

    fn port(&self) -> String {
        let conf =
            std::fs::read_to_string(self.dir.join("data/postgresql.conf")).expect("its settings");
        let port = conf.lines().find_map(|line| line.strip_prefix("port = "));
        port.expect("we wrote it").to_owned()
    }

    /// Runs statements.
    pub(crate) async fn sql(&self, database: &str, statements: &str) {
        let (client, connection) = self.connect(database).await;
        let connection = tokio::spawn(connection);
        client.batch_execute(statements).await.expect("statements");
        drop(client);
        connection.await.expect("it ends").expect("it ends well");
    }

    /// Runs statements in a transaction that stays until the answer is dropped.
    pub(crate) async fn hold(&self, database: &str, statements: &str) -> tokio_postgres::Client {
        let (client, connection) = self.connect(database).await;
        tokio::spawn(connection);
        let statements = format!("BEGIN; {statements}");
        client.batch_execute(&statements).await.expect("statements");
        client
    }

    async fn connect(
        &self,
        database: &str,
    ) -> (
        tokio_postgres::Client,
        impl Future<Output = Result<(), tokio_postgres::Error>> + Send + use<>,
    ) {
        tokio_postgres::connect(&self.connection(database), NoTls)
            .await
            .expect("a connection")
    }

    /// How tokio-postgres connects to a database.
    pub(crate) fn connection(&self, database: &str) -> String {
        let (dir, port) = (self.dir.display(), self.port());
        format!("host={dir} port={port} user=postgres dbname={database}")
    }

    /// One of PostgreSQL's own programs, to be used on this server.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(newest_bin().join(name));
        command.env("PGHOST", &self.dir);
        command.env("PGPORT", self.port()).env("PGUSER", "postgres");
        command
    }

    /// A number out of a database.
    pub(crate) async fn number(&self, database: &str, query: &str) -> i64 {
        let (client, connection) = self.connect(database).await;
        tokio::spawn(connection);
        client.query_one(query, &[]).await.expect("a row").get(0)
    }

    /// A new database without tables: its name.
    pub(crate) async fn empty(&self) -> String {
        let mut databases = self.databases.lock().await;
        *databases += 1;
        let name = format!("test_{databases}");
        self.sql("postgres", &format!("CREATE DATABASE {name}"))
            .await;
        name
    }

    /// How to reach a new database with the tables of a store.
    pub(crate) async fn database(&self) -> Postgres {
        self.template
            .get_or_init(async || {
                self.sql("postgres", "CREATE DATABASE ready").await;
                let settings = settings(&self.url("ready"));
                let store = PostgresStore::open(&settings).await.expect("a new store");
                store.close().await;
                settings
            })
            .await;
        let mut databases = self.databases.lock().await;
        *databases += 1;
        let name = format!("test_{databases}");
        self.sql(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE ready"),
        )
        .await;
        settings(&self.url(&name))
    }
}

/// What a URL says, with as many connections as a test needs.
pub(crate) fn settings(url: &str) -> Postgres {
    let Ok(Database::Postgres(settings)) = config::database_url(url, Path::new("/")) else {
        panic!("{url} is none of PostgreSQL");
    };
    Postgres {
        connections: 4,
        ..settings
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.told.lock().expect("nobody panicked with it").take());
        let _ = self.child.wait();
    }
}

fn line(from: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("what it says");
    line.trim_end().to_owned()
}

fn newest_bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let bins = versions.flatten().map(|version| version.path().join("bin"));
    let mut bins: Vec<_> = bins.filter(|bin| bin.join("initdb").exists()).collect();
    bins.sort();
    bins.pop()
        .expect("the package postgresql (make install-deps)")
}
