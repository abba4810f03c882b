//! slirp4netns(1).

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Error;
use crate::recipe::settings::{Port, Protocol};

/// The program's name.
pub const NAME: &str = "slirp4netns";

/// Where the box finds a resolver, which asks those of the host.
pub const RESOLVER: &str = "10.0.2.3";

/// The box's own address.
const BOX: &str = "10.0.2.100";

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Descriptors that the program inherits, by their numbers.
#[derive(Debug, Clone, Copy)]
pub struct Inherited {
    /// The network namespace.
    pub network: i32,
    /// It writes a byte here when it is ready.
    pub ready: i32,
    /// It ends when this is at its end.
    pub life: i32,
    /// The directory where it makes the socket on which it takes orders.
    pub dir: i32,
}

/// That socket, in a process that has the directory open. A path through it has any length, where an address has room for
/// 107 bytes (unix(7)).
pub fn socket(dir: i32) -> PathBuf {
    format!("/proc/self/fd/{dir}/network.sock").into()
}

/// The words that start it as root of the user namespace that the network namespace belongs to. It could join that by itself,
/// but version 1.2.0 does not where it is to lock itself up as well.
pub fn command(program: &Path, inherited: Inherited) -> Vec<OsString> {
    let Inherited { network, ready, life, dir } = inherited;
    vec![
        program.into(),
        "--configure".into(),
        "--mtu=65520".into(),
        "--disable-host-loopback".into(),
        "--enable-sandbox".into(),
        "--enable-seccomp".into(),
        "--enable-ipv6".into(),
        "--netns-type=path".into(),
        format!("--ready-fd={ready}").into(),
        format!("--exit-fd={life}").into(),
        format!("--api-socket={}", socket(dir).display()).into(),
        format!("/proc/self/fd/{network}").into(),
        "eth0".into(),
    ]
}

/// Lets a port of the host lead into the box. `socket` is where the program takes orders.
///
/// # Errors
/// [`Error::Port`]: as a rule the port is taken, or below the first that users may have.
pub fn publish(socket: &Path, port: &Port) -> Result<(), Error> {
    let fail = |reason| Error::Port { port: port.clone(), reason };
    let at = port.address.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    if at.is_ipv6() {
        return Err(fail("slirp4netns listens at IPv4 addresses only".to_owned()));
    }
    // Asked for here first, since the program does not say why it does not get one.
    let free = match port.protocol {
        Protocol::Tcp => TcpListener::bind((at, port.host)).map(drop),
        Protocol::Udp => UdpSocket::bind((at, port.host)).map(drop),
    };
    free.map_err(|error| fail(reason(&error)))?;
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let order = serde_json::json!({
        "execute": "add_hostfwd",
        "arguments": {
            "proto": protocol,
            "host_addr": at.to_string(),
            "host_port": port.host,
            "guest_addr": BOX,
            "guest_port": port.inside,
        },
    });
    let answer = ask(socket, &order.to_string()).map_err(|error| fail(error.to_string()))?;
    let answer: serde_json::Value = serde_json::from_slice(&answer).map_err(|error| fail(error.to_string()))?;
    match answer.get("error") {
        None => Ok(()),
        Some(error) => Err(fail(error.get("desc").and_then(serde_json::Value::as_str).unwrap_or("refused").to_owned())),
    }
}

/// Why a port cannot be had, as a user would say it (ip(7), bind(2)).
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program has it; a box that is up may be that one".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "only root may have one below net.ipv4.ip_unprivileged_port_start".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

/// One order a connection.
fn ask(socket: &Path, order: &str) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(order.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.take(1 << 16).read_to_end(&mut answer)?;
    Ok(answer)
}
