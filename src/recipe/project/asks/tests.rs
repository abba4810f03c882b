//! What is asked, of what, and when not.

use std::convert::Infallible;

use super::*;
use crate::recipe::project::Project;

const WIDE: &str = "\
from: debian:12
packages: [gcc, make]
setup:
  - {run: 'curl $URL | sh', network: host}
  - make install
env: {URL: 'https://x', OTHER: y}
home: host
share: [ssh-agent]
mounts: [{bind: ../data, at: /data}, {bind: tools, at: /tools}, {cache: c, at: ~/.c}]
ports: ['8080:80']
network: private
copy: [{from: 'https://x/y', to: /y}, {from: z, to: /z}]
services: {db: {run: postgres, user: postgres}, web: nginx}
";

fn of(text: &str) -> Vec<Ask> {
    let environment = Project::parse("envbox.yaml", text).unwrap().environment("envbox.yaml", None).unwrap();
    let place = Place { root: Path::new("/home/u/p"), home: Path::new("/home/u"), longest: 60 };
    let real = |from: &str| {
        let path =
            from.strip_prefix("../").map_or_else(|| place.root.join(from), |rest| Path::new("/home/u").join(rest));
        Ok::<_, Infallible>(path)
    };
    let Ok(asks) = asks(&environment, place, real);
    asks
}

/// What is new in the second recipe for somebody who has agreed to the first.
fn new(old: &str, text: &str) -> Vec<String> {
    let known = of(old);
    let is_new = |ask: &Ask| !known.iter().any(|known| known.what.covers(&ask.what));
    of(text).into_iter().filter(is_new).map(|ask| ask.words).collect()
}

fn replaced(old: &str, with: &str) -> String {
    assert!(WIDE.contains(old), "{old}");
    WIDE.replace(old, with)
}

#[test]
fn plain_words_in_the_order_of_their_weight() {
    let words: Vec<String> = of(WIDE).into_iter().map(|ask| ask.words).collect();
    assert_eq!(
        words,
        [
            "sees your whole home directory, and may change it",
            "sees /home/u/data of the host at /data, and may change it",
            "may use your SSH agent (ssh-agent): sign in elsewhere as you",
            "answers on the host's port 8080 (at all addresses: others on your network reach it)",
            "reaches the network",
            "while it is built, as root of the box, with the network: `curl $URL | sh`",
            "while it is built, as root of the box, without the network: `make install`",
            "runs the service db as postgres of the box: `postgres`",
            "OTHER=y",
            "URL=https://x",
            "is made of debian:12",
            "gcc",
            "make",
            "fetches https://x/y to /y",
        ]
    );
}

#[test]
fn less_and_another_order_ask_nothing() {
    for (old, less) in [
        ("[gcc, make]", "[make, gcc]"),
        ("[gcc, make]", "[make]"),
        ("home: host", "home: overlay"),
        ("home: host", "home: project"),
        ("at: /data}", "at: /data, read_only: true}"),
        ("'8080:80'", "'127.0.0.1:8080:80'"),
        ("'8080:80'", "'0.0.0.0:8080:80'"),
        (", network: host}", "}"),
        ("  - make install\n", "  - {run: make install, as: user}\n"),
        (", OTHER: y", ""),
        ("web: nginx", "web: other"),
        ("to: /y}", "to: /z}"),
    ] {
        assert_eq!(new(WIDE, &replaced(old, less)), [""; 0], "{old} -> {less}");
    }
}

#[test]
fn more_asks_for_that_alone() {
    for (old, more, words) in [
        ("[gcc, make]", "[gcc, make, git]", "git"),
        ("debian:12", "debian:13", "is made of debian:13"),
        ("[ssh-agent]", "[ssh-agent, wayland]", "may open windows on your screen (wayland)"),
        (
            "'8080:80'",
            "'8080:80', '53:53/udp'",
            "answers on the host's UDP port 53 (at all addresses: others on your network reach it)",
        ),
        (
            "make install",
            "make  install",
            "while it is built, as root of the box, without the network: `make  install`",
        ),
        ("URL: 'https://x'", "URL: 'https://z'", "URL=https://z"),
        ("OTHER: y", "OTHER: y, MAKEFLAGS: --eval=x", "MAKEFLAGS=--eval=x"),
        ("run: postgres,", "run: postgres -x,", "runs the service db as postgres of the box: `postgres -x`"),
        ("bind: tools", "bind: ../../u", "sees /home/u/../u of the host at /tools, and may change it"),
        ("from: z, to: /z}", "from: 'https://z', to: /z}", "fetches https://z to /z"),
        ("network: private\ncopy", "network: private\nuser: root\ncopy", "runs what you run in it as root of the box"),
        (
            "network: private\ncopy",
            "network: private\ninit: auto\ncopy",
            "starts the services of the image as root of the box",
        ),
    ] {
        assert_eq!(new(WIDE, &replaced(old, more)), [words], "{old} -> {more}");
    }
    for (old, narrow) in [
        ("home: host", "home: overlay"),
        ("at: /data}", "at: /data, read_only: true}"),
        ("'8080:80'", "'127.0.0.1:8080:80'"),
        (", network: host}", "}"),
    ] {
        assert_eq!(new(&replaced(old, narrow), WIDE).len(), 1, "{narrow} -> {old}");
    }
}

#[test]
fn a_wider_network_is_asked_for() {
    let of = |network: &str| format!("from: x\nnetwork: {network}\n");
    let host = "uses the host's network, with what listens on this machine alone";
    assert_eq!(new(&of("private"), &of("host")), [host]);
    assert_eq!((new(&of("host"), &of("private")), new(&of("host"), &of("none"))), (vec![], vec![]));
}

#[test]
fn a_long_command_is_cut_and_bound_in_full() {
    let long = |last: &str| format!("from: x\nnetwork: none\nsetup: ['{}{last}']\n", "true; ".repeat(50));
    let words = new(&long("a"), &long("b"));
    assert_eq!(words.len(), 1);
    assert!(words[0].ends_with("true; true; … (241 more characters)`"), "{words:?}");
}

#[test]
fn nothing_in_a_text_moves_the_cursor_or_begins_a_line() {
    let asks = of("from: x\nsetup: [\"a\\n\\tb\"]\nenv: {A: \"b\\e[2J\\n\"}\n");
    assert!(asks.iter().all(|ask| !ask.words.contains(char::is_control)), "{asks:?}");
    assert!(asks.iter().any(|ask| ask.words.contains("`a\\n\\tb`")), "{asks:?}");
}

#[test]
fn variables_are_asked_for_where_others_than_the_user_run_something() {
    assert_eq!(new("from: x\nnetwork: none\n", "from: x\nnetwork: none\nenv: {A: b}\n"), [""; 0]);
    assert_eq!(new("from: x\nsetup: [y]\n", "from: x\nsetup: [y]\nenv: {A: \"b\\e\"}\n"), ["A=b\\u{1b}"]);
    assert_eq!(new("from: x\npackages: [y]\n", "from: x\npackages: [y]\nenv: {A: b}\n"), ["A=b"]);
}

#[test]
fn a_project_that_holds_the_home_asks_for_it() {
    let environment = Project::parse("f", "from: x\nnetwork: none\n").unwrap().environment("f", None).unwrap();
    let place = Place { root: Path::new("/home/u"), home: Path::new("/home/u"), longest: 60 };
    let Ok(asks) = asks(&environment, place, |from| Ok::<_, Infallible>(PathBuf::from(from)));
    assert_eq!(asks[0].what, What::Home { write: true });
}
