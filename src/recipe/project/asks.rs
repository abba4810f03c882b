//! What a project asks of its user: everything in a recipe that runs, or reaches beyond the box.
//!
//! A recipe comes with a repository and is not trusted. What it asks for is a set, so that one who has agreed to a set has
//! agreed to every part of it, in any order.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{As, Command, Environment, Probe, Run, Service};
use crate::image::Digest;
use crate::recipe::settings::{Home, Init, Mount, Network, Port, Protocol, Share};

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// As it is compared and recorded.
    pub what: What,
    /// For people: one line without control characters. Long texts are cut.
    pub words: String,
}

/// What is asked for, in the form that is recorded. The order is that of its weight.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// The user's home, to read or to change as well.
    Home {
        /// Whether what the box writes is in the real home.
        write: bool,
    },
    /// A file or directory of the host's outside of the project.
    Bind {
        /// On the host, without symbolic links.
        path: PathBuf,
        /// In the box.
        at: String,
        /// Whether the box may change it.
        write: bool,
    },
    /// Something of the user's session.
    Share {
        /// What.
        what: Share,
    },
    /// A port of the host's that leads into the box.
    Port {
        /// The host's address; all of them where there is none.
        address: Option<IpAddr>,
        /// The host's port.
        port: u16,
        /// UDP rather than TCP.
        udp: bool,
    },
    /// The network, for what runs in the box.
    Network {
        /// The host's own, with what listens on this machine alone.
        host: bool,
    },
    /// The image's init.
    Init {
        /// `auto`, or the program.
        program: String,
    },
    /// Sessions that are not the user.
    User {
        /// `USER[:GROUP]` of the box.
        name: String,
    },
    /// A variable of all that runs while the image is built and in the box, which may decide what a program does:
    /// `MAKEFLAGS`, `LD_PRELOAD`.
    Variable {
        /// Its name.
        name: String,
        /// Of its value.
        value: Digest,
    },
    /// A command while the image is built.
    Step {
        /// Of the command and of its own variables.
        command: Digest,
        /// Whether root of the box runs it.
        root: bool,
        /// Whether it has the network.
        network: bool,
    },
    /// A task or a service that is not run by the user.
    Program {
        /// Of the command and of its variables.
        command: Digest,
        /// `USER[:GROUP]` of the box.
        user: String,
    },
    /// What the box is made of.
    Image {
        /// As the recipe has it.
        from: String,
    },
    /// A package, whose own scripts root of the box runs.
    Package {
        /// As the recipe has it.
        name: String,
    },
    /// A file from the network that becomes part of the image.
    Download {
        /// Where from.
        url: String,
        /// What it has to be.
        digest: Option<Digest>,
    },
}

/// What kind of thing it is, for people. The order is that of their weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// It reaches beyond the box and the project.
    Reach,
    /// It runs something.
    Run,
    /// It becomes part of the box.
    Content,
}

/// Where a project is, and how its asks are shown.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The project's directory, without symbolic links.
    pub root: &'a Path,
    /// The user's home, without symbolic links.
    pub home: &'a Path,
    /// Characters at the most that are shown of a text of the recipe's.
    pub longest: usize,
}

impl What {
    /// Whether somebody who has agreed to this has agreed to the other: it is the same, or less of it.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Home { write }, Self::Home { write: less }) => write >= less,
            (Self::Bind { path, at, write }, Self::Bind { path: path2, at: at2, write: less }) => {
                path == path2 && at == at2 && write >= less
            }
            (Self::Port { address, port, udp }, Self::Port { address: less, port: port2, udp: udp2 }) => {
                port == port2 && udp == udp2 && answers(*address, *less)
            }
            (Self::Network { host }, Self::Network { host: less }) => host >= less,
            (
                Self::Step { command, root, network },
                Self::Step { command: command2, root: less, network: less_network },
            ) => command == command2 && root >= less && network >= less_network,
            (Self::Download { url, digest: None }, Self::Download { url: url2, .. }) => url == url2,
            _ => self == other,
        }
    }

    /// Whether somebody who has agreed to these has agreed to it.
    pub fn is_covered_by(&self, agreed: &BTreeSet<Self>) -> bool {
        // A hostile recipe has thousands of packages, of which none covers another.
        let alone = matches!(self, Self::Package { .. } | Self::Variable { .. });
        agreed.contains(self) || (!alone && agreed.iter().any(|known| known.covers(self)))
    }

    /// Its kind.
    pub fn group(&self) -> Group {
        match self {
            Self::Home { .. } | Self::Bind { .. } | Self::Share { .. } | Self::Port { .. } | Self::Network { .. } => {
                Group::Reach
            }
            Self::Init { .. }
            | Self::User { .. }
            | Self::Variable { .. }
            | Self::Step { .. }
            | Self::Program { .. } => Group::Run,
            Self::Image { .. } | Self::Package { .. } | Self::Download { .. } => Group::Content,
        }
    }
}

/// Whether a port that is answered on the first address is answered on the second.
fn answers(wide: Option<IpAddr>, narrow: Option<IpAddr>) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(wide), Some(narrow)) if wide.is_unspecified() => wide.is_ipv4() == narrow.is_ipv4(),
        (wide, narrow) => wide == narrow,
    }
}

/// Everything that an environment asks for: each thing once, in the order of its kind and then of the recipe. `real` is where
/// a path of the host's, as a bind mount has it, leads without symbolic links.
///
/// # Errors
/// Those of `real`.
pub fn asks<E>(
    environment: &Environment,
    place: Place<'_>,
    mut real: impl FnMut(&str) -> Result<PathBuf, E>,
) -> Result<Vec<Ask>, E> {
    let mut found: Vec<(What, String)> = Vec::new();
    found.extend(home(environment.config.home, place));
    for mount in &environment.config.mounts {
        if let Mount::Bind { from, at, read_only } = mount {
            found.extend(bind(real(from)?, at.as_str(), !read_only, place));
        }
    }
    let config = &environment.config;
    found.extend(config.share.iter().map(|&what| (What::Share { what }, shared(what).to_owned())));
    found.extend(config.ports.iter().map(port));
    found.extend(network(config.network));
    found.extend(init(&config.init, place));
    found.extend(config.user.iter().map(|name| {
        let words = format!("runs what you run in it as {} of the box", shown(name, place.longest));
        (What::User { name: name.clone() }, words)
    }));
    found.extend(environment.setup.iter().map(|run| step(run, place.longest)));
    found.extend(programs(environment, place.longest));
    // What else has them is run by the user.
    if found.iter().any(|(what, _)| what.group() == Group::Run) || !environment.packages.is_empty() {
        found.extend(config.env.iter().map(|(name, value)| variable(name, value, place.longest)));
    }
    found.extend(content(environment, place.longest));
    found.sort_by_key(|(what, _)| what.group());
    let mut seen = BTreeSet::new();
    found.retain(|(what, _)| seen.insert(what.clone()));
    Ok(found.into_iter().map(|(what, words)| Ask { what, words }).collect())
}

fn home(home: Home, place: Place<'_>) -> Option<(What, String)> {
    let whole = "sees your whole home directory, and may change it";
    match home {
        _ if place.home.starts_with(place.root) => {
            Some((What::Home { write: true }, format!("{whole}: the project's directory holds it")))
        }
        Home::Host => Some((What::Home { write: true }, whole.to_owned())),
        Home::Overlay => {
            Some((What::Home { write: false }, "sees your whole home directory, but cannot change it".to_owned()))
        }
        Home::Private | Home::Project | Home::None => None,
    }
}

fn bind(path: PathBuf, at: &str, write: bool, place: Place<'_>) -> Option<(What, String)> {
    if path.starts_with(place.root) {
        return None;
    }
    let rest = if write { ", and may change it" } else { ", to read only" };
    let whole = if place.home.starts_with(&path) { "; your whole home directory is in it" } else { "" };
    let (shown_path, shown_at) = (shown(&path.to_string_lossy(), place.longest), shown(at, place.longest));
    let words = format!("sees {shown_path} of the host at {shown_at}{rest}{whole}");
    Some((What::Bind { path, at: at.to_owned(), write }, words))
}

fn shared(what: Share) -> &'static str {
    match what {
        Share::Wayland => "may open windows on your screen (wayland)",
        Share::X11 => "may use your X display (x11): see all windows, and every key you press",
        Share::Pipewire => "may play sound and record from your microphone and camera (pipewire)",
        Share::Pulse => "may play sound and record from your microphone (pulse)",
        Share::Dbus => "may talk to the programs of your desktop (dbus): some of them run commands on the host",
        Share::SshAgent => "may use your SSH agent (ssh-agent): sign in elsewhere as you",
        Share::GpgAgent => "may use your GnuPG agent (gpg-agent): sign and decrypt as you",
    }
}

fn port(port: &Port) -> (What, String) {
    let udp = port.protocol == Protocol::Udp;
    let name = if udp { "UDP port" } else { "port" };
    let whom = match port.address {
        Some(address) if !address.is_unspecified() => format!("at {address}"),
        Some(_) | None => "at all addresses: others on your network reach it".to_owned(),
    };
    (
        What::Port { address: port.address, port: port.host, udp },
        format!("answers on the host's {name} {} ({whom})", port.host),
    )
}

fn network(network: Network) -> Option<(What, String)> {
    let words = match network {
        Network::Host => "uses the host's network, with what listens on this machine alone",
        Network::Private => "reaches the network",
        Network::None => return None,
    };
    Some((What::Network { host: network == Network::Host }, words.to_owned()))
}

fn init(init: &Init, place: Place<'_>) -> Option<(What, String)> {
    let (program, words) = match init {
        Init::None => return None,
        Init::Auto => ("auto", "starts the services of the image as root of the box".to_owned()),
        Init::Program(path) => {
            (path.as_str(), format!("starts {} of the image as root of the box", shown(path, place.longest)))
        }
    };
    Some((What::Init { program: program.to_owned() }, words))
}

fn variable(name: &str, value: &str, longest: usize) -> (What, String) {
    let words = format!("{}={}", shown(name, longest), shown(value, longest));
    (What::Variable { name: name.to_owned(), value: Digest::of(value.as_bytes()) }, words)
}

fn step(run: &Run, longest: usize) -> (What, String) {
    let (text, env) = (run.run.as_str(), &run.env);
    let (root, network) = (run.by == As::Root, run.network != Network::None);
    let who = if root { "root of the box" } else { "you" };
    let reach = if network { "with the network" } else { "without the network" };
    let variables = env.iter().map(|(name, value)| format!(", {}={}", shown(name, longest), shown(value, longest)));
    let variables: String = variables.collect();
    let words = format!("while it is built, as {who}, {reach}: `{}`{variables}", shown(text, longest));
    (What::Step { command: digest(&(text, env)), root, network }, words)
}

fn programs(environment: &Environment, longest: usize) -> Vec<(What, String)> {
    let mut found = Vec::new();
    for (name, task) in &environment.tasks {
        if let (Some(user), Some(command)) = (&task.user, &task.run) {
            let workdir = task.workdir.as_ref().map(super::super::Text::as_str);
            found.push(program("task", name, user.as_str(), command, digest(&(command, &task.env, workdir)), longest));
        }
    }
    for (name, service) in &environment.services {
        if let Some(user) = &service.user {
            let whole = service_digest(service);
            found.push(program("service", name, user.as_str(), &service.run, whole, longest));
        }
    }
    found
}

fn service_digest(service: &Service) -> Digest {
    let probe = service.ready.as_ref().and_then(|ready| match &ready.probe {
        Probe::Run(command) => Some(command),
        Probe::Port(_) | Probe::File(_) | Probe::Log(_) => None,
    });
    let workdir = service.workdir.as_ref().map(super::super::Text::as_str);
    digest(&(&service.run, &service.env, workdir, probe))
}

fn program(kind: &str, name: &str, user: &str, command: &Command, whole: Digest, longest: usize) -> (What, String) {
    let line = match command {
        Command::Line(line) => line.clone(),
        Command::Words(words) => words.join(" "),
    };
    let words = format!(
        "runs the {kind} {} as {} of the box: `{}`",
        shown(name, longest),
        shown(user, longest),
        shown(&line, longest)
    );
    (What::Program { command: whole, user: user.to_owned() }, words)
}

fn content(environment: &Environment, longest: usize) -> Vec<(What, String)> {
    let from = environment.from.clone();
    let mut found = vec![(What::Image { from: from.clone() }, format!("is made of {}", shown(&from, longest)))];
    for name in &environment.packages {
        found.push((What::Package { name: name.clone() }, shown(name, longest)));
    }
    for copied in &environment.copy {
        let url = copied.from.as_str();
        if url.contains("://") {
            let words = format!("fetches {} to {}", shown(url, longest), shown(copied.to.as_str(), longest));
            found.push((What::Download { url: url.to_owned(), digest: copied.digest }, words));
        }
    }
    found
}

/// The digest of a value's JSON, which says where each text of it ends.
fn digest(value: &impl Serialize) -> Digest {
    // A plain structure of texts has no value that JSON cannot express.
    Digest::of(&serde_json::to_vec(value).unwrap_or_default())
}

/// A text of the recipe's on one line. Nothing in it can move the cursor, and one that is too long is cut.
fn shown(text: &str, longest: usize) -> String {
    let text = text.trim_end_matches('\n');
    let length = text.chars().count();
    let mut line = String::new();
    for character in text.chars().take(longest) {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    if length > longest {
        line += &format!("… ({} more characters)", length - longest);
    }
    line
}

#[cfg(test)]
mod tests;
