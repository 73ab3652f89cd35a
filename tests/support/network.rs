//! A network of its own for a program, that can be cut off: its only way out is a cable to ours.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::child::{Guarded, dies_with_us};
use super::ports::loopback;
use super::wait::{START, until};

/// How long a door waits for somebody: longer than a program takes to start again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Dropped, it is gone with all that runs in it.
pub(crate) struct Network {
    holder: Guarded,
    /// Our end of the cable.
    end: String,
    /// Its address: what those inside reach of us.
    pub(crate) address: Ipv4Addr,
    doors: Vec<oneshot::Sender<()>>,
    _dir: TempDir,
}

impl Network {
    /// One that is connected.
    ///
    /// # Panics
    /// Not as root: nobody else may lay a cable between networks.
    pub(crate) async fn new() -> Self {
        assert!(
            geteuid().is_root(),
            "only root can cut a network: run it as root"
        );
        let dir = TempDir::with_prefix("xmpp-oauth-network-").expect("a temp folder");
        let mut command = dies_with_us("unshare");
        command.args(["--net", "--", "sleep", "infinity"]);
        let holder = Guarded::spawn(command, &dir.path().join("log"));
        let pid = holder.pid();
        let ours = std::fs::read_link("/proc/self/ns/net").expect("a network");
        until("a network of its own", START, async || {
            let its = std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
            let is_sleeping = std::fs::read_to_string(format!("/proc/{pid}/comm"));
            (its != Some(ours.clone()) && is_sleeping.is_ok_and(|name| name == "sleep\n"))
                .then_some(())
        })
        .await;
        // of RFC 2544's, for tests
        let [.., a, b] = pid.to_be_bytes();
        let address = Ipv4Addr::new(198, 18, a, b & 0xfc | 1);
        let inside = Ipv4Addr::new(198, 18, a, b & 0xfc | 2);
        let network = Self {
            end: format!("xoa{pid}"),
            holder,
            address,
            doors: Vec::new(),
            _dir: dir,
        };
        let (end, pid) = (&network.end, &pid.to_string());
        let (address, inside) = (&format!("{address}/30"), &format!("{inside}/30"));
        ip(&[
            "link", "add", end, "type", "veth", "peer", "name", "out", "netns", pid,
        ]);
        ip(&["address", "add", address, "dev", end]);
        ip(&["link", "set", end, "up"]);
        network.ip_inside(&["address", "add", inside, "dev", "out"]);
        network.ip_inside(&["link", "set", "out", "up"]);
        network.ip_inside(&["link", "set", "lo", "up"]);
        network
    }

    /// What a program is to be started by, to be in there.
    pub(crate) fn launcher(&self) -> [String; 4] {
        let pid = self.holder.pid().to_string();
        [
            "nsenter".to_owned(),
            "--target".to_owned(),
            pid,
            "--net".to_owned(),
        ]
    }

    fn ip_inside(&self, arguments: &[&str]) {
        let launcher = self.launcher();
        let mut all: Vec<_> = launcher[1..].iter().map(String::as_str).collect();
        all.extend(["ip"].iter().chain(arguments));
        done("nsenter", &all);
    }

    /// Pulls the cable out.
    pub(crate) fn cut(&self) {
        ip(&["link", "set", &self.end, "down"]);
    }

    /// Puts it in again.
    pub(crate) fn mend(&self) {
        ip(&["link", "set", &self.end, "up"]);
    }

    /// A port of our loopback that leads to the same in there, whether it is cut off or not.
    pub(crate) fn open_door(&mut self, port: u16) {
        let (door, closed) = oneshot::channel();
        self.doors.push(door);
        let listener = TcpListener::bind(loopback(port)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let network = File::open(format!("/proc/{}/ns/net", self.holder.pid()));
        let network = network.expect("its network");
        // Sockets belong to the network that the thread was in when it made them.
        std::thread::spawn(move || {
            let into = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(network.as_fd(), into).expect("its network");
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                tokio::select! {
                    _ = closed => {}
                    failed = pass_on(listener, port) => failed.expect("a listener"),
                }
            });
        });
    }
}

async fn pass_on(listener: TcpListener, port: u16) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (mut outside, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A door cannot refuse: it waits for a while until somebody is there.
            let since = Instant::now();
            while since.elapsed() < PATIENCE {
                if let Ok(mut inside) = TcpStream::connect(loopback(port)).await {
                    // whoever is not there any more has hung up
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
    }
}

fn ip(arguments: &[&str]) {
    done("ip", arguments);
}

fn done(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error} (make install-deps)"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
}
