//! Sockets of the user's session in a box.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;

use crate::support::boxes::{BOX, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{Run, TestEnvironment, requires};

/// A share, and a listener for it.
struct Known {
    name: &'static str,
    /// The host's socket, below the environment.
    socket: &'static str,
    /// The variable that names it on the host.
    host: Option<(&'static str, &'static str)>,
    /// The variable that names it in the box, where the runtime directory is `RUN`.
    inside: Option<(&'static str, &'static str)>,
}

const SHARES: [Known; 6] = [
    Known {
        name: "wayland",
        socket: "run/wayland-7",
        host: Some(("WAYLAND_DISPLAY", "wayland-7")),
        inside: Some(("WAYLAND_DISPLAY", "wayland-7")),
    },
    Known {
        name: "pipewire",
        socket: "run/pipewire-0",
        host: None,
        inside: Some(("PIPEWIRE_REMOTE", "RUN/pipewire-0")),
    },
    Known {
        name: "pulse",
        socket: "run/pulse/native",
        host: None,
        inside: Some(("PULSE_SERVER", "unix:RUN/pulse/native")),
    },
    Known {
        name: "dbus",
        socket: "run/b",
        host: Some(("DBUS_SESSION_BUS_ADDRESS", "unix:path=$ENV/run/b,guid=7")),
        inside: Some(("DBUS_SESSION_BUS_ADDRESS", "unix:path=RUN/bus")),
    },
    Known {
        name: "ssh-agent",
        socket: "home/a gent",
        host: Some(("SSH_AUTH_SOCK", "$ENV/home/a gent")),
        inside: Some(("SSH_AUTH_SOCK", "RUN/ssh-agent")),
    },
    Known { name: "gpg-agent", socket: "home/.gnupg/S.gpg-agent", host: None, inside: None },
];

/// A box with these shares, and a listener for each.
fn sharing(env: &TestEnvironment, shares: &[&str]) -> Vec<UnixListener> {
    env.reconfigure(&["home: private", &format!("share: [{}]", shares.join(", "))]);
    let listen = |known: &Known| {
        let path = env.path(known.socket);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        UnixListener::bind(path).unwrap()
    };
    SHARES.iter().map(listen).collect()
}

fn in_session<'a>(env: &'a TestEnvironment, mut run: Run<'a>) -> Run<'a> {
    for (name, value) in SHARES.iter().filter_map(|known| known.host) {
        run = run.env(name, value.replace("$ENV", env.path("").to_str().unwrap().trim_end_matches('/')));
    }
    run
}

fn plain() -> TestEnvironment {
    with_box(Rootfs::busybox().tar())
}

const SOCKETS: &str = "find /run/user /tmp -type s | sort";

#[test]
fn only_what_is_asked_for_is_shared() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = plain();
    let _listeners = sharing(&env, &[]);
    let runtime = format!("/run/user/{}", rustix::process::getuid().as_raw());
    let value = |text: &str, name: &str| {
        text.lines().find_map(|line| line.strip_prefix(&format!("{name}=")).map(ToOwned::to_owned))
    };
    let look = || in_session(&env, env.sh(&format!("{SOCKETS} | wc -l; env"))).succeeds();
    assert!(look().stdout.starts_with("0\n"));
    for shared in &SHARES {
        env.reconfigure(&[&format!("share: [{}]", shared.name)]);
        let outcome = look();
        assert!(outcome.stdout.starts_with("1\n") && outcome.stderr.is_empty(), "{}: {outcome:?}", shared.name);
        for known in &SHARES {
            let Some((name, inside)) = known.inside else { continue };
            let told = (known.name == shared.name).then(|| inside.replace("RUN", &runtime));
            assert_eq!(value(&outcome.stdout, name), told, "{}", shared.name);
        }
    }
    env.reconfigure(&[&format!("share: [{}]", SHARES.map(|known| known.name).join(", "))]);
    let seen = in_session(&env, env.sh(SOCKETS)).succeeds().stdout;
    let expected = ["bus", "gnupg/S.gpg-agent", "pipewire-0", "pulse/native", "ssh-agent", "wayland-7"];
    let expected: String = expected.map(|at| format!("{runtime}/{at}\n")).concat();
    assert_eq!(seen, expected);
    // Somebody else is told nothing of them, and does not reach them.
    let other =
        in_session(&env, env.envbox(["run", "--user", "33", BOX, "--", "sh", "-c", "env; ls /run/user/*"])).output();
    assert!(!other.stdout.contains("SSH_AUTH_SOCK") && !other.stdout.contains("ssh-agent"), "{other:?}");
}

/// Says something to the SSH agent and prints the answer: this executable, in a box.
#[test]
#[ignore = "runs in the box of a_client_in_the_box_reaches_the_hosts_server"]
fn client() {
    let mut agent = UnixStream::connect(std::env::var_os("SSH_AUTH_SOCK").unwrap()).unwrap();
    agent.write_all(b"from the box").unwrap();
    agent.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    agent.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "from the host");
}

#[test]
fn a_client_in_the_box_reaches_the_hosts_server() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = plain();
    let agent = sharing(&env, &["ssh-agent"]).into_iter().nth(4).unwrap();
    // It ends with the test, whether anybody has come or not.
    std::thread::spawn(move || {
        let (mut connection, _) = agent.accept().unwrap();
        let mut heard = String::new();
        connection.read_to_string(&mut heard).unwrap();
        if heard == "from the box" {
            connection.write_all(b"from the host").unwrap();
        }
    });
    let this = std::env::current_exe().unwrap();
    env.configure(BOX, &format!("mounts: [{{bind: {}, at: /client, read_only: true}}]", this.display()));
    let client = env.run(["/client", "--exact", "--ignored", "shares::client"]);
    let outcome = in_session(&env, client).succeeds();
    assert!(outcome.stdout.contains("1 passed"), "{outcome:?}");
}

#[test]
fn what_the_host_lacks_is_said_and_no_failure() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = plain();
    env.reconfigure(&["share: [wayland, x11, ssh-agent]"]);
    let outcome = env.sh("env").env("SSH_AUTH_SOCK", "/nonexistent/x").succeeds();
    for name in ["wayland", "x11", "ssh-agent"] {
        assert!(outcome.stderr.contains(&format!("share: {name}: ")), "{outcome:?}");
    }
    for name in ["WAYLAND_DISPLAY", "DISPLAY", "SSH_AUTH_SOCK"] {
        assert!(!outcome.stdout.contains(&format!("{name}=")), "{outcome:?}");
    }
}

#[test]
fn a_socket_that_was_made_anew_is_said() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = plain();
    let _listeners = sharing(&env, &["ssh-agent"]);
    let mut holder = env.sh_command("echo up; sleep 60");
    let path = env.path("home/a gent");
    holder.env("SSH_AUTH_SOCK", &path);
    let mut holder = holder.stdout(Stdio::piped()).spawn().unwrap();
    holder.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
    assert_eq!(in_session(&env, env.sh("true")).succeeds().stderr, "");
    fs::remove_file(&path).unwrap();
    let _new = UnixListener::bind(&path).unwrap();
    let said = in_session(&env, env.sh("true")).succeeds().stderr;
    assert!(said.contains("ssh-agent") && said.contains("envbox stop"), "{said}");
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    holder.wait().unwrap();
    assert_eq!(in_session(&env, env.sh("true")).succeeds().stderr, "");
}

#[test]
fn the_x_servers_cookie_is_that_of_its_display() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = plain();
    // A display that no server of this machine's has.
    let number = 20_000 + std::process::id() % 10_000;
    let dir = Path::new("/tmp/.X11-unix");
    if fs::create_dir_all(dir).is_err() {
        return;
    }
    let Ok(_server) = UnixListener::bind(dir.join(format!("X{number}"))) else { return };
    let record = |display: &str, data: &str| {
        let fields = ["host", display, "MIT-MAGIC-COOKIE-1", data];
        let field = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
        [vec![1, 0], fields.map(field).concat()].concat()
    };
    let cookies = [record(&number.to_string(), "right"), record("0", "wrong")].concat();
    fs::write(env.path("home/.Xauthority"), cookies).unwrap();
    env.reconfigure(&["home: private", "share: [x11]"]);
    let script = "echo $DISPLAY; ls /tmp/.X11-unix; cat $XAUTHORITY; echo x > $XAUTHORITY";
    let outcome = env.sh(script).env("DISPLAY", format!(":{number}.0")).output();
    fs::remove_file(dir.join(format!("X{number}"))).unwrap();
    assert!(outcome.stdout.starts_with(&format!(":{number}.0\nX{number}\n")), "{outcome:?}");
    assert!(outcome.stdout.contains("right") && !outcome.stdout.contains("wrong"), "{outcome:?}");
    assert!(!outcome.status.success(), "the cookie can be written: {outcome:?}");
}

#[test]
fn an_image_does_not_lead_shares_elsewhere() {
    requires!(user, userns, subid, overlay, fixtures);
    for (place, target) in [("run", "home"), ("run/user", "home"), ("tmp", "home"), ("tmp/.X11-unix", "home")] {
        let env = TestEnvironment::new();
        let home = env.path(target);
        let parent = Path::new(place).parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut rootfs = Rootfs::busybox_without(&[place]);
        if let Some(parent) = parent {
            rootfs = rootfs.dir(parent.to_str().unwrap());
        }
        let image = env.image(rootfs.link(place, &home).tar());
        env.envbox(["create", BOX, "--image"]).arg(image).succeeds();
        let _listeners = sharing(&env, &["ssh-agent", "pulse"]);
        env.configure(BOX, "home: host");
        let before = fs::read_dir(&home).unwrap().count();
        let outcome = in_session(&env, env.sh("exit 3")).output();
        assert!(matches!(outcome.status.code(), Some(3 | 125)), "{place}: {outcome:?}");
        assert_eq!(fs::read_dir(&home).unwrap().count(), before, "{place}");
    }
}
