//! Networks of boxes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;

use crate::support::boxes::{BOX, busybox, eventually, kill};
use crate::support::{TestEnvironment, requires};

/// An address of this machine that is not its loopback device's, and one that reaches it from anywhere.
fn own_address() -> Ipv4Addr {
    // Connecting sends nothing: it only asks the routing table.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").unwrap();
    match socket.local_addr().unwrap().ip() {
        std::net::IpAddr::V4(address) => address,
        std::net::IpAddr::V6(_) => unreachable!("bound to IPv4"),
    }
}

/// Answers every connection with one line.
fn server(address: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"from the host\n");
        }
    });
    port
}

/// Whether a program serves the network of this environment's box: somebody takes orders.
fn is_served(env: &TestEnvironment) -> bool {
    // Through the directory, as an address has room for 107 bytes (unix(7)).
    let dir = File::open(env.path(&format!("data/envbox/boxes/{BOX}/run"))).unwrap();
    UnixStream::connect(format!("/proc/self/fd/{}/network.sock", dir.as_raw_fd())).is_ok()
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn without_a_network_there_is_the_loopback_device_alone() {
    requires!(userns, subid, overlay);
    let env = busybox();
    let port = server(Ipv4Addr::LOCALHOST);
    let reach = format!("nc -w 2 127.0.0.1 {port} </dev/null");
    assert_eq!(env.sh(&reach).succeeds().stdout, "from the host\n");
    env.envbox(["stop", BOX]).succeeds();
    env.configure(BOX, "network: none");
    assert_eq!(env.sh("ls /proc/sys/net/ipv4/conf").succeeds().stdout, "all\ndefault\nlo\n");
    assert_eq!(env.sh("ls -d /sys/class/net/[el]*").succeeds().stdout, "/sys/class/net/lo\n");
    env.sh("test -d /sys/fs/cgroup && ! mkdir /sys/fs/cgroup/x 2>/dev/null").succeeds();
    assert_ne!(env.sh(&reach).output().status.code(), Some(0));
    assert_eq!(
        env.sh("echo hi | nc -l -p 99 -s 127.0.0.1 >/tmp/got & sleep 0.3; nc -w 2 127.0.0.1 99 </dev/null")
            .succeeds()
            .stdout,
        "hi\n"
    );
}

#[test]
fn a_private_network_reaches_out_and_not_the_hosts_own_services() {
    requires!(userns, subid, overlay, slirp, route);
    let env = busybox();
    env.configure(BOX, "network: private");
    let address = own_address();
    let (outside, own) = (server(address), server(Ipv4Addr::LOCALHOST));
    assert_eq!(env.sh(&format!("nc -w 5 {address} {outside} </dev/null")).succeeds().stdout, "from the host\n");
    for host in ["127.0.0.1", "10.0.2.2"] {
        let reached = env.sh(&format!("nc -w 2 {host} {own} </dev/null")).output();
        assert_eq!(reached.stdout, "", "{host}");
    }
    assert!(env.sh("cat /etc/resolv.conf").succeeds().stdout.contains("nameserver 10.0.2.3\n"));
    assert!(is_served(&env));
    kill("KILL", env.keeper().unwrap());
    eventually("the program that serves the network ends with the box", || !is_served(&env));
}

#[test]
fn ports_lead_into_the_box() {
    requires!(userns, subid, overlay, slirp);
    let env = busybox();
    env.configure(BOX, "network: private");
    let port = free_port();
    env.configure(BOX, &format!("ports: ['127.0.0.1:{port}:80']"));
    let mut server = env.sh_command("while true; do echo from the box | nc -l -p 80; done");
    let mut server = server.stdout(Stdio::null()).spawn().unwrap();
    let mut got = String::new();
    eventually("the port answers", || {
        got.clear();
        let stream = TcpStream::connect(("127.0.0.1", port));
        stream.is_ok_and(|mut stream| stream.read_to_string(&mut got).is_ok()) && got == "from the box\n"
    });
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    server.wait().unwrap();
    eventually("nobody answers any more", || TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_port_that_is_taken_is_said_and_nothing_is_left_running() {
    requires!(userns, subid, overlay, slirp);
    let env = busybox();
    env.configure(BOX, "network: private");
    let taken = server(Ipv4Addr::LOCALHOST);
    env.configure(BOX, &format!("ports: ['127.0.0.1:{taken}:80']"));
    let failed = env.sh("true").exits(125);
    assert!(failed.stderr.contains(&format!("127.0.0.1:{taken}:80")), "{}", failed.stderr);
    assert!(failed.stderr.contains("another program has it"), "{}", failed.stderr);
    assert!(env.keeper().is_none());
    eventually("the program is gone", || !is_served(&env));
    env.configure(BOX, "ports: ['[::1]:1024:80']");
    let failed = env.sh("true").exits(125);
    assert!(failed.stderr.contains("[::1]:1024:80: slirp4netns listens at IPv4 addresses only"), "{}", failed.stderr);
    env.configure(BOX, "ports: []");
    env.sh("true").succeeds();
}
