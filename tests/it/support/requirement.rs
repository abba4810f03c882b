//! What a test needs of the machine, found out by trying.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Ends the test, and says so, unless the machine has all of this: `requires!(userns, fuse)`. Where everything is meant
/// to be there (`ENVBOX_TEST_REQUIRE`, in CI), the test fails instead.
macro_rules! requires {
    ($($what:ident),+ $(,)?) => {
        $(if !$crate::support::requirement::has($crate::support::requirement::$what) {
            return $crate::support::requirement::skip(stringify!($what));
        })+
    };
}
pub(crate) use requires;

/// Ends the test, and says so, on the wrong kind of machine: `only_where!(controllers)`. Some machines have it and others do
/// not, and the virtual machine is of the other kind than most that CI has; so it is no failure anywhere.
macro_rules! only_where {
    ($what:ident) => {
        if !$crate::support::requirement::has($crate::support::requirement::$what) {
            return $crate::support::requirement::pass_over(stringify!($what));
        }
    };
}
pub(crate) use only_where;

/// A requirement: what to try, and where the answer is kept.
pub(crate) struct Requirement(fn() -> bool, OnceLock<bool>);

/// Whether it is met. Tried once.
pub(crate) fn has(what: &Requirement) -> bool {
    *what.1.get_or_init(what.0)
}

/// Says on the real standard error (libtest keeps what a passing test prints) that this test does not run.
#[track_caller]
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("ENVBOX_TEST_REQUIRE").is_none(), "{}", skipped(what));
    pass_over(what);
}

/// The same, where it is no failure.
pub(crate) fn pass_over(what: &str) {
    let _ = writeln!(std::io::stderr(), "{}", skipped(what));
}

fn skipped(what: &str) -> String {
    let thread = std::thread::current();
    format!("skipped: {} needs {what}", thread.name().unwrap_or("a test"))
}

macro_rules! requirements {
    ($($(#[$doc:meta])* $name:ident: $probe:expr;)+) => {
        $($(#[$doc])* #[allow(non_upper_case_globals, dead_code, reason = "the names that `requires!` takes")]
        pub(crate) static $name: &Requirement = {
            static IT: Requirement = Requirement($probe, OnceLock::new());
            &IT
        };)+
    };
}

requirements! {
    /// The user is root.
    root: is_root;
    /// The user is not root.
    user: || !is_root();
    /// User namespaces.
    userns: || works("unshare", &["--user", "--map-root-user", "true"]);
    /// A range of subordinate ids, and the programs that map it. Root needs neither.
    subid: || is_root() || works("unshare", &["--user", "--map-root-user", "--map-auto", "true"]);
    /// A user without a range of subordinate ids.
    no_range: || !is_root() && !works("unshare", &["--user", "--map-root-user", "--map-auto", "true"]);
    /// The kernel's overlay in a user namespace, where the tests' directories are.
    overlay: overlay_works;
    /// A cgroup of version 2 that this user may divide, or a systemd that divides one for them.
    cgroup: cgroup_works;
    /// A cgroup that has the controllers of limits, of this user's or of their systemd's.
    controllers: has_controllers;
    /// None.
    no_controllers: || !has_controllers();
    /// A machine without systemd, so that root has to give users their cgroups, with a hierarchy to give them of.
    unmanaged: || !Path::new("/run/systemd/system").exists() && works("findmnt", &["-t", "cgroup2"]);
    /// FUSE and fuse-overlayfs.
    fuse: || works("fuse-overlayfs", &["--version"]) && opens("/dev/fuse");
    /// FUSE.
    fuse_device: || opens("/dev/fuse");
    /// mksquashfs.
    mksquashfs: || works("mksquashfs", &["-version"]);
    /// A way to the archive.
    net: archive_answers;
    /// The third-party root file systems.
    fixtures: || super::fixtures().is_dir();
    /// The source tree.
    source: || super::source_dir().is_dir();
    /// A way to other machines, if only as far as the routing table.
    route: has_route;
    /// The source tree with its history.
    git: || works("git", &["-C", &super::source_dir().to_string_lossy(), "rev-parse"]);
    /// bash.
    bash: || works("bash", &["--version"]);
    /// zsh.
    zsh: || works("zsh", &["--version"]);
    /// fish.
    fish: || works("fish", &["--version"]);
    /// skopeo.
    skopeo: || works("skopeo", &["--version"]);
    /// umoci.
    umoci: || works("umoci", &["--version"]);
    /// buildah.
    buildah: || works("buildah", &["--version"]);
    /// runc.
    runc: || works("runc", &["--version"]);
    /// bubblewrap.
    bwrap: || works("bwrap", &["--version"]);
    /// podman.
    podman: || works("podman", &["--version"]);
    /// setfattr.
    setfattr: || works("setfattr", &["--version"]);
    /// slirp4netns, and the device it needs.
    slirp: || works("slirp4netns", &["--version"]) && opens("/dev/net/tun");
    /// docker-registry.
    docker_registry: || works("docker-registry", &["--version"]);
    /// minisign.
    minisign: || works("minisign", &["-v"]);
    /// dpkg-deb.
    dpkg_deb: || works("dpkg-deb", &["--version"]);
    /// openssl.
    openssl: || works("openssl", &["version"]);
    /// A virtual machine, and what its disks are made with.
    qemu: || works("qemu-system-x86_64", &["--version"]) && works("mmdebstrap", &["--version"]);
    /// tmux.
    tmux: || works("tmux", &["-V"]);
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn works(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn opens(path: &str) -> bool {
    OpenOptions::new().read(true).write(true).open(path).is_ok()
}

fn overlay_works() -> bool {
    let base = std::env::var("ENVBOX_TEST_DIR").unwrap_or_else(|_| "/var/tmp".into());
    let script = "d=$(mktemp -d -p \"$1\") && cd \"$d\" && mkdir l u w m \
        && mount -t overlay -o userxattr,lowerdir=l,upperdir=u,workdir=w overlay m; s=$?; \
        umount m 2>/dev/null; rm -rf --one-file-system \"$d\"; exit $s";
    works("unshare", &["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", &base])
}

fn has_route() -> bool {
    // Connecting sends nothing: it only asks the routing table.
    UdpSocket::bind("0.0.0.0:0").is_ok_and(|socket| socket.connect("192.0.2.1:9").is_ok())
}

fn cgroup_works() -> bool {
    // The leaf that processes are in beside boxes is not what boxes are made below.
    let script = "at=$(findmnt -nft cgroup2 -o TARGET) && own=$(sed -n 's/^0:://p' /proc/self/cgroup) \
        && cd \"$at${own%/envbox-outside}\" && mkdir \"envbox-trial-$$\" && echo $$ > \"envbox-trial-$$/cgroup.procs\"; s=$?; \
        echo $$ > \"$at$own/cgroup.procs\"; rmdir \"envbox-trial-$$\"; exit $s";
    let manager = format!("/run/user/{}/systemd/private", rustix::process::getuid().as_raw());
    works("sh", &["-c", script]) || Path::new(&manager).exists()
}

fn has_controllers() -> bool {
    // Its own, or those of the systemd that is the user's.
    let script = "at=$(findmnt -nft cgroup2 -o TARGET) && own=$(sed -n 's/^0:://p' /proc/self/cgroup) \
        && user=user.slice/user-$(id -u).slice/user@$(id -u).service \
        && { cd \"$at${own%/envbox-outside}\" && test -w cgroup.procs || cd \"$at/$user\"; } && grep -w memory cgroup.controllers";
    works("sh", &["-c", script])
}

/// Whether the host of this machine's own package source, else of the default one, takes a connection.
fn archive_answers() -> bool {
    let in_use = |path: &PathBuf| path.extension().is_some_and(|name| name == "list" || name == "sources");
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let files = std::iter::once("/etc/apt/sources.list".into()).chain(parts.filter(in_use));
    let text: Vec<String> = files.filter_map(|path| fs::read_to_string(path).ok()).collect();
    let lines = text.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#'));
    let urls = lines.flat_map(str::split_whitespace).filter(|word| word.starts_with("http"));
    let url = urls.into_iter().find(|url| url.contains("debian")).unwrap_or("http://ftp.debian.org/debian");
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let host = rest.split('/').next().unwrap_or_default();
    let port = if scheme == "https" { 443 } else { 80 };
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
    let mut addresses = address.to_socket_addrs().into_iter().flatten();
    addresses.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_ok())
}
