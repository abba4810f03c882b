//! `RUN` lines that do nothing but install packages.

/// A package manager's words in a `RUN`: the program, the word that installs, and words that only refresh or clean.
const MANAGERS: &[(&str, &str, &[&str])] = &[
    ("apt-get", "install", &["update", "clean", "autoclean", "autoremove"]),
    ("apt", "install", &["update", "clean", "autoclean", "autoremove"]),
    ("apk", "add", &["update"]),
    ("dnf", "install", &["clean", "makecache"]),
    ("microdnf", "install", &["clean"]),
    ("yum", "install", &["clean", "makecache"]),
    ("zypper", "install", &["refresh", "clean"]),
    ("pacman", "-S", &[]),
];

/// Directories whose content is in no layer anyway: package managers' caches, and what is temporary.
const CACHES: [&str; 11] = [
    "/var/lib/apt/lists/*",
    "/var/lib/apt/lists",
    "/var/lib/apt/lists/",
    "/var/cache/apt/*",
    "/var/cache/apt/archives/*",
    "/var/cache/apk/*",
    "/var/cache/dnf",
    "/var/cache/dnf/*",
    "/var/cache/yum",
    "/tmp/*",
    "/var/tmp/*",
];

/// Options that say nothing of what is installed.
const OPTIONS: [&str; 15] = [
    "-y",
    "--yes",
    "--assume-yes",
    "-q",
    "-qq",
    "-qqy",
    "-yq",
    "-yqq",
    "--no-install-recommends",
    "--no-cache",
    "--quiet",
    "--noconfirm",
    "--non-interactive",
    "-n",
    "--no-install-suggests",
];

/// What a line installs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Installed {
    /// Their names.
    pub(super) packages: Vec<String>,
    /// Whether it takes what its packages recommend, which Debian's do unless told not to.
    pub(super) recommends: bool,
}

/// The packages that a `RUN` installs, if it does nothing else.
pub(super) fn installed(text: &str) -> Option<Installed> {
    if text.contains(['$', '`', '(', '|', '>', '<', '"', '\'', '\\', '\n']) {
        return None;
    }
    let mut found = Installed { packages: Vec::new(), recommends: false };
    for command in text.split("&&").flat_map(|part| part.split(';')) {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.retain(|word| *word != "DEBIAN_FRONTEND=noninteractive");
        step(&words, &mut found)?;
    }
    (!found.packages.is_empty()).then_some(found)
}

/// One command of it; nothing if it does more than install.
fn step(words: &[&str], found: &mut Installed) -> Option<()> {
    match words {
        [] | ["set", ..] | ["export"] => return Some(()),
        ["rm", "-rf" | "-fr" | "-r", dirs @ ..] if dirs.iter().all(|dir| CACHES.contains(dir)) => return Some(()),
        _ => {}
    }
    let (program, rest) = words.split_first()?;
    let (_, install, others) = MANAGERS.iter().find(|(name, ..)| name == program)?;
    let mut plain = rest.iter().filter(|word| !OPTIONS.contains(word));
    let verb = plain.next()?;
    if others.contains(verb) {
        return Some(());
    }
    if verb != install && !(*program == "pacman" && verb.starts_with("-Sy")) {
        return None;
    }
    let packages: Vec<String> = plain.map(|word| (*word).to_owned()).collect();
    let named = packages.iter().all(|package| is_name(package));
    found.recommends |= program.starts_with("apt") && !rest.contains(&"--no-install-recommends");
    found.packages.extend(packages);
    named.then_some(())
}

fn is_name(word: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "+.-_:".contains(c);
    word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.chars().all(inside) && !word.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_installs_are_lists_of_packages() {
        let packages = |text: &str| installed(text).map(|found| (found.packages.join(" "), found.recommends));
        let apt =
            "apt-get update && apt-get install -y --no-install-recommends  gcc g++ && rm -rf /var/lib/apt/lists/*";
        assert_eq!(packages(apt), Some(("gcc g++".into(), false)));
        assert_eq!(packages("set -eux; apt-get update; apt-get -y install make"), Some(("make".into(), true)));
        let cleaned = "export DEBIAN_FRONTEND=noninteractive && apt-get install -yqq make && rm -rf /tmp/* /var/tmp/*";
        assert_eq!(packages(cleaned), Some(("make".into(), true)));
        assert_eq!(packages("apk add --no-cache git curl"), Some(("git curl".into(), false)));
        for other in [
            "apt-get update",
            "apt-get install -y gcc=4:12",
            "apt-get install -y $X",
            "apt-get install -y -t sid gcc",
            "apt-get install -y gcc && make",
            "apt-get install gcc && rm -rf /",
            "apk add --virtual .deps gcc",
            "apt-get install ./x.deb",
        ] {
            assert_eq!(packages(other), None, "{other}");
        }
    }
}
