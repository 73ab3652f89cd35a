//! Free loopback ports for servers that cannot pick one themselves.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// `N` different ports that were free a moment ago. Another process may take one before the server
/// binds it, so whoever starts a server tries again with others.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N]
        .map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port"));
    held.map(|listener| listener.local_addr().expect("bound").port())
}

/// `127.0.0.1:port`.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
