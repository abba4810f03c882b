//! A login in a system box: its logind (org.freedesktop.login1(5)) is told of the session, which makes the user's runtime
//! directory, starts their service manager, and gives the session a cgroup of its own.
//!
//! That is what pam_systemd(8) does, and done without PAM: PAM is the image's own code, to be run as root of the box, with an
//! environment and a terminal of its making. This is one call, of which nothing but three texts and a descriptor comes back.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use zbus::message::Message;
use zbus::{Connection, OwnedObjectPath, Variant};

use crate::sys::process::{self, Fork, SingleThread};
use crate::sys::{id, socket};

/// Where a box's system bus is (the D-Bus specification, "Well-known Message Bus Instances").
const BUS: &str = "/run/dbus/system_bus_socket";

/// How long logind may take, with a service manager of the user's to be started; what D-Bus itself gives a method.
const PATIENCE: Duration = Duration::from_secs(25);

/// A session that logind knows.
#[derive(Debug)]
pub(super) struct Login {
    /// By which logind knows it.
    id: String,
    /// The user's runtime directory.
    runtime: String,
    /// The session goes on for as long as somebody has this.
    pub(super) held: OwnedFd,
}

impl Login {
    /// What pam_systemd(8) tells programs.
    pub(super) fn variables(&self, terminal: bool) -> Vec<(&'static str, String)> {
        let kind = if terminal { "tty" } else { "unspecified" };
        let mut variables = vec![
            ("XDG_SESSION_ID", self.id.clone()),
            ("XDG_SESSION_TYPE", kind.to_owned()),
            ("XDG_SESSION_CLASS", "user".to_owned()),
            ("XDG_RUNTIME_DIR", self.runtime.clone()),
        ];
        let bus = Path::new(&self.runtime).join("bus");
        if bus.exists() {
            variables.push(("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", bus.display())));
        }
        variables
    }
}

/// Tells logind, as root of the box, that this process leads a session of a user's. `None` where there is no logind.
///
/// # Errors
/// What logind, or the kernel, has to say against it.
pub(super) fn login(proof: &SingleThread, uid: u32, terminal: bool) -> io::Result<Option<Login>> {
    if !Path::new(BUS).exists() {
        return Ok(None);
    }
    let leader = process::own_pid().as_raw().cast_unsigned();
    let (answer, answering) = socket::pair()?;
    // In a child: nothing of the library, and of what it has read, is in the process that becomes the program.
    let child = match process::fork(proof)? {
        Fork::Child => process::finish(|| {
            let (text, fds) = match ask(uid, leader, terminal) {
                Ok(Some((id, runtime, held))) => (format!("{id}\0{runtime}"), vec![held]),
                Ok(None) => (String::new(), Vec::new()),
                Err(reason) => (reason.chars().take(LONGEST / 4).collect(), Vec::new()),
            };
            u8::from(socket::send(&answering, text.as_bytes(), &fds).is_err())
        }),
        Fork::Parent(child) => child,
    };
    drop(answering);
    let mut text = [0; LONGEST];
    let heard = socket::receive(&answer, &mut text);
    process::wait(child)?;
    let (length, fds) = heard?;
    let text = String::from_utf8_lossy(&text[..length]).into_owned();
    match (text.split_once('\0'), fds.into_iter().next()) {
        (Some((id, runtime)), Some(held)) => {
            Ok(Some(Login { id: id.to_owned(), runtime: runtime.to_owned(), held }))
        }
        _ if text.is_empty() => Ok(None),
        _ => Err(io::Error::other(text)),
    }
}

/// Bytes of an answer at the most.
const LONGEST: usize = 4096;

/// A session's id, its runtime directory, and what holds it.
type Answer = (String, String, OwnedFd);

/// Asks. The error is a text, since it goes to another process.
fn ask(uid: u32, leader: u32, terminal: bool) -> Result<Option<Answer>, String> {
    // A session comes into the box as the user, with all of root's rights but not its name.
    id::become_user(0, 0).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let bounded = async { tokio::time::timeout(PATIENCE, create(uid, leader, terminal)).await };
    match runtime.map_err(|error| error.to_string())?.block_on(bounded) {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Ok(Err(zbus::Error::MethodError(name, ..))) if NOBODY.contains(&name.as_str()) => Ok(None),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it has not answered within {} seconds", PATIENCE.as_secs())),
    }
}

/// What a bus says of a name that nobody has and nobody could be started for.
const NOBODY: [&str; 2] =
    ["org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"];

async fn create(uid: u32, leader: u32, terminal: bool) -> zbus::Result<Answer> {
    let stream = UnixStream::connect(BUS)?;
    let bus: Connection = zbus::connection::Builder::unix_stream(stream).build().await?;
    let kind = if terminal { "tty" } else { "unspecified" };
    let properties: Vec<(&str, Variant<'_>)> = Vec::new();
    let place = ("", 0_u32, "", "", false, "", "");
    // uid, leader, service, type, class, desktop; seat, its virtual terminal, terminal, display, and from where.
    let (seat, number, tty, display, remote, user, host) = place;
    let wish = (uid, leader, "envbox", kind, "user", "", seat, number, tty, display, remote, user, host, properties);
    let reply: Message = bus
        .call_method(
            Some("org.freedesktop.login1"),
            "/org/freedesktop/login1",
            Some("org.freedesktop.login1.Manager"),
            "CreateSession",
            &wish,
        )
        .await?;
    type Created = (String, OwnedObjectPath, String, zbus::OwnedFd, u32, String, u32, bool);
    let (id, _, runtime, held, ..): Created = reply.body().deserialize()?;
    Ok((id, runtime, held.as_fd().try_clone_to_owned()?))
}
