//! Features: what Debian has as packages.

use super::Converter;
use crate::import::document::Node;
use crate::import::left;

/// The last part of a feature's name, and Debian's packages.
const PACKAGES: &[(&str, &[&str])] = &[
    ("common-utils", &["ca-certificates", "curl", "git", "less", "procps", "sudo", "zsh"]),
    ("git", &["git"]),
    ("git-lfs", &["git", "git-lfs"]),
    ("github-cli", &["gh"]),
    ("node", &["nodejs", "npm"]),
    ("python", &["python3", "python3-pip", "python3-venv"]),
    ("go", &["golang-go"]),
    ("rust", &["rustup", "gcc", "libc6-dev"]),
    ("java", &["default-jdk-headless"]),
    ("ruby", &["ruby", "ruby-dev", "bundler"]),
    ("php", &["php-cli", "composer"]),
    ("sshd", &["openssh-server"]),
    ("nix", &["nix-bin"]),
];

/// Features that make no sense in a box.
const WITHOUT: &[(&str, &str)] = &[
    ("docker-in-docker", "no engine runs in a box: `podman` among `packages` is one without a daemon"),
    ("docker-outside-of-docker", "the host's engine is not let into boxes"),
];

/// Takes the features that are packages of Debian's.
pub(super) fn add(converter: &mut Converter<'_>, node: &Node) {
    for (feature, given) in node.entries() {
        let last = feature.rsplit('/').next().unwrap_or(feature);
        let plain = last.split([':', '@']).next().unwrap_or(last);
        let what = format!("features.{feature}: {}", given.brief());
        if let Some((_, why)) = WITHOUT.iter().find(|(known, _)| *known == plain) {
            converter.leave(given.line, &what, *why);
            continue;
        }
        let Some((_, packages)) = PACKAGES.iter().find(|(known, _)| *known == plain) else {
            converter.leave(given.line, &what, "no packages are known for it");
            continue;
        };
        converter.draft.add_packages(*packages);
        converter.draft.notes.insert("packages", format!("In place of features, by {}'s own names.", from(converter)));
        if !is_default(given) {
            converter.leave(given.line, &what, "it is Debian's own package, without these options");
        }
        if plain_rust(last) {
            converter.draft.recipe.env.insert("RUSTUP_HOME".to_owned(), "/opt/rustup".to_owned());
            converter.step("rustup default stable");
        }
    }
    if !converter.draft.recipe.packages.is_empty() && from(converter) != "Debian" {
        converter.leave(node.line, "features", "their packages are named as Debian names them: other bases may differ");
    }
}

/// Whether a feature is asked for without options that a package could not meet.
fn is_default(given: &Node) -> bool {
    let newest = |node: &Node| ["latest", "lts", "os-provided", "true"].contains(&node.brief().as_str());
    match given.as_str() {
        Some(_) => newest(given),
        None => given.entries().iter().all(|(key, value)| key == "version" && newest(value)),
    }
}

fn plain_rust(last: &str) -> bool {
    last.split([':', '@']).next() == Some("rust")
}

/// Whose names packages have.
fn from(converter: &Converter<'_>) -> &'static str {
    let base = converter.draft.recipe.from.as_ref().map(|from| left::shown(from.as_str())).unwrap_or_default();
    let is_debian = ["debian", "ubuntu", "mcr.microsoft.com/devcontainers"].iter().any(|known| base.contains(known));
    if is_debian { "Debian" } else { "the base" }
}
