//! Rust: its toolchain, and the system libraries that its crates link.

use super::{Files, add_step};
use crate::import::{Draft, Left, quoted};

/// Crates that link a library of the system's, and Debian's packages with it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("alsa-sys", &["libasound2-dev", "pkg-config"]),
    ("bindgen", &["libclang-dev"]),
    ("bzip2-sys", &["libbz2-dev", "pkg-config"]),
    ("cairo-sys-rs", &["libcairo2-dev", "pkg-config"]),
    ("cmake", &["cmake", "make", "g++"]),
    ("curl-sys", &["libcurl4-openssl-dev", "pkg-config"]),
    ("expat-sys", &["libexpat1-dev", "pkg-config"]),
    ("fontconfig-sys", &["libfontconfig-dev", "pkg-config"]),
    ("freetype-sys", &["libfreetype-dev", "pkg-config"]),
    ("fuse-sys", &["libfuse-dev", "pkg-config"]),
    ("gdk4-sys", &["libgtk-4-dev", "pkg-config"]),
    ("glib-sys", &["libglib2.0-dev", "pkg-config"]),
    ("gstreamer-sys", &["libgstreamer1.0-dev", "pkg-config"]),
    ("gtk-sys", &["libgtk-3-dev", "pkg-config"]),
    ("gtk4-sys", &["libgtk-4-dev", "pkg-config"]),
    ("libdbus-sys", &["libdbus-1-dev", "pkg-config"]),
    ("libgit2-sys", &["libgit2-dev", "pkg-config"]),
    ("libpulse-sys", &["libpulse-dev", "pkg-config"]),
    ("libseccomp-sys", &["libseccomp-dev", "pkg-config"]),
    ("libsodium-sys", &["libsodium-dev", "pkg-config"]),
    ("libsqlite3-sys", &["libsqlite3-dev", "pkg-config"]),
    ("libssh2-sys", &["libssh2-1-dev", "pkg-config"]),
    ("libudev-sys", &["libudev-dev", "pkg-config"]),
    ("libusb1-sys", &["libusb-1.0-0-dev", "pkg-config"]),
    ("libz-sys", &["zlib1g-dev", "pkg-config"]),
    ("lzma-sys", &["liblzma-dev", "pkg-config"]),
    ("mysqlclient-sys", &["default-libmysqlclient-dev", "pkg-config"]),
    ("nettle-sys", &["nettle-dev", "libclang-dev", "pkg-config"]),
    ("openssl-sys", &["libssl-dev", "pkg-config"]),
    ("pango-sys", &["libpango1.0-dev", "pkg-config"]),
    ("pq-sys", &["libpq-dev", "pkg-config"]),
    ("prost-build", &["protobuf-compiler"]),
    ("rdkafka-sys", &["librdkafka-dev", "pkg-config"]),
    ("sdl2-sys", &["libsdl2-dev", "pkg-config"]),
    ("systemd", &["libsystemd-dev", "pkg-config"]),
    ("webkit2gtk-sys", &["libwebkit2gtk-4.1-dev", "pkg-config"]),
    ("x11", &["libx11-dev", "pkg-config"]),
    ("xkbcommon", &["libxkbcommon-dev", "pkg-config"]),
    ("zstd-sys", &["libzstd-dev", "pkg-config"]),
];

/// Crates that are used for one of those above, for a project without a lock file.
const MEANS: &[(&str, &str)] = &[
    ("openssl", "openssl-sys"),
    ("native-tls", "openssl-sys"),
    ("rusqlite", "libsqlite3-sys"),
    ("git2", "libgit2-sys"),
    ("alsa", "alsa-sys"),
    ("udev", "libudev-sys"),
    ("gtk", "gtk-sys"),
    ("gtk4", "gtk4-sys"),
];

/// What `Cargo.toml` and the files beside it say.
pub(super) fn more(manifest: &str, files: &Files<'_>, draft: &mut Draft) {
    toolchain(files, draft);
    let crates = match files.text("Cargo.lock") {
        Some(lock) => locked(&lock),
        None => asked(manifest),
    };
    for name in crates {
        let name = MEANS.iter().find(|(name_, _)| *name_ == name).map_or(name.as_str(), |(_, means)| means);
        if let Some((_, packages)) = LIBRARIES.iter().find(|(library, _)| *library == name) {
            draft.add_packages(*packages);
        }
    }
}

/// Debian's own toolchain, unless the project pins one: that is what rustup is for.
fn toolchain(files: &Files<'_>, draft: &mut Draft) {
    let file = ["rust-toolchain.toml", "rust-toolchain"].into_iter().find(|name| files.has(name));
    let Some(file) = file else { return draft.add_packages(["cargo", "rustc"]) };
    let text = files.text(file).unwrap_or_default();
    let table = text.parse::<toml::Table>().ok();
    let toolchain = table.as_ref().and_then(|table| table.get("toolchain")?.as_table());
    let channel = match toolchain {
        Some(toolchain) => toolchain.get("channel").and_then(toml::Value::as_str).unwrap_or("stable"),
        None => text.trim(),
    };
    let known = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if channel.is_empty() || !channel.chars().all(known) {
        draft.left.push(Left::new(file, 0, channel, "it names no toolchain; Debian's is taken"));
        return draft.add_packages(["cargo", "rustc"]);
    }
    let list = |key: &str| -> Vec<String> {
        let items = toolchain.and_then(|toolchain| toolchain.get(key)?.as_array());
        items.into_iter().flatten().filter_map(|item| Some(quoted(item.as_str()?))).collect()
    };
    let option =
        |key: &str, option: &str| -> String { list(key).iter().map(|item| format!(" --{option} {item}")).collect() };
    let (components, targets) = (option("components", "component"), option("targets", "target"));
    let profile = toolchain.and_then(|toolchain| toolchain.get("profile")?.as_str());
    let profile = profile.filter(|profile| profile.chars().all(known)).unwrap_or("minimal");
    let taken = ["channel", "components", "targets", "profile"];
    for key in toolchain.into_iter().flat_map(toml::Table::keys).filter(|key| !taken.contains(&key.as_str())) {
        draft.left.push(Left::new(file, 0, &format!("toolchain.{key}"), "rustup installs no such thing"));
    }
    draft.add_packages(["ca-certificates", "rustup"]);
    // Where everybody in the box finds it, and not in the home, which a step of root's does not have.
    draft.recipe.env.insert("RUSTUP_HOME".to_owned(), "/opt/rustup".to_owned());
    add_step(draft, &format!("rustup toolchain install {channel} --profile {profile}{components}{targets}"));
    draft.notes.insert("packages", format!("Rust by rustup, since {file} pins it."));
}

/// The crates that a lock file names.
fn locked(lock: &str) -> Vec<String> {
    let table: toml::Table = lock.parse().unwrap_or_default();
    let packages = table.get("package").and_then(toml::Value::as_array);
    packages.into_iter().flatten().filter_map(|package| Some(package.get("name")?.as_str()?.to_owned())).collect()
}

/// The crates that a manifest asks for.
fn asked(manifest: &str) -> Vec<String> {
    let table: toml::Table = manifest.parse().unwrap_or_default();
    let workspace = table.get("workspace").and_then(toml::Value::as_table);
    let tables = [Some(&table), workspace].into_iter().flatten();
    let kinds = ["dependencies", "build-dependencies", "dev-dependencies"];
    let all = tables.flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()));
    all.flat_map(|names| names.keys().cloned()).collect()
}
