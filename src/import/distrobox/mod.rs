//! `distrobox.ini`, which `distrobox assemble` reads (distrobox-assemble(1)).

mod ini;

use ini::Section;

use super::{Draft, Error, Left, base, name, online, text};
use crate::recipe::project::Project;
use crate::recipe::settings::{At, Home, Init, Mount, Network};

/// Keys that have no counterpart, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("exported_apps", "envbox exports no applications yet"),
    ("exported_bins", "envbox exports no programs yet"),
    ("exported_bins_path", "envbox exports no programs yet"),
    ("nvidia", "the host's driver is not brought into boxes yet"),
    ("root", "envbox needs no root"),
    ("additional_flags", "they are a container engine's"),
    ("container_manager", "envbox needs no engine"),
    ("entry", "envbox makes no desktop entry"),
    ("unshare_devsys", "a box has devices and a /sys of its own"),
    ("unshare_ipc", "a box has its own always"),
    ("unshare_process", "a box has its own always"),
    ("unshare_groups", "a box has its own always"),
    ("hostname", "a box's name is its host name"),
    ("clone", "an image is shared without being copied"),
];

/// Keys that ask for what is so anyway.
const ANYWAY: [&str; 4] = ["start_now", "replace", "pull", "always_replace"];

/// The recipe of a `distrobox.ini`: the first section is the recipe, the others are variants of it.
///
/// # Errors
/// The text is no such file, or has no section.
pub fn distrobox(file: &str, source: &str) -> Result<Draft, Error> {
    let sections = ini::parse(file, source)?;
    let mut draft = Draft::default();
    let (first, others) = sections
        .split_first()
        .ok_or_else(|| Error::Empty { file: file.to_owned(), what: "there is no [section] in it".to_owned() })?;
    draft.recipe = convert(file, first, &sections, &mut draft.left);
    draft.recipe.from.get_or_insert_with(|| text(super::BASE));
    for section in others {
        let mut variant = convert(file, section, &sections, &mut draft.left);
        variant.home = variant.home.filter(|home| Some(*home) != draft.recipe.home);
        draft.recipe.variants.insert(name(&section.name), variant);
    }
    if !others.is_empty() {
        draft.notes.insert(
            "variants",
            format!("[{}] is the recipe itself, the others are laid over it.", super::left::shown(&first.name)),
        );
        let adds = !first.entries.is_empty();
        if adds {
            let why = "as variants they have what this section has, besides their own";
            let list = others.iter().map(|section| section.name.as_str()).collect::<Vec<_>>().join(", ");
            draft.left.push(Left::new(file, first.line, &format!("[{}] before {list}", first.name), why));
        }
    }
    Ok(draft)
}

fn convert(file: &str, section: &Section, all: &[Section], left: &mut Vec<Left>) -> Project {
    let mut recipe = Project::default();
    recipe.home = Some(Home::Host);
    let mut late = Vec::new();
    for (line, key, value) in entries(section, all) {
        let mut leave = |why: &str| left.push(Left::new(file, *line, &format!("{key}={value}"), why));
        match key.as_str() {
            "image" => recipe.from = Some(text(base(value))),
            "additional_packages" => recipe.packages.extend(value.split_whitespace().map(text)),
            "pre_init_hooks" => recipe.setup.push(online(value.as_str())),
            "init_hooks" => late.push(online(value.as_str())),
            "volume" => value.split_whitespace().for_each(|volume| match mount(volume) {
                Some(mount) => recipe.mounts.push(mount),
                None => leave("it is no mount of a path on a path"),
            }),
            "home" => {
                recipe.home = Some(Home::Private);
                leave(
                    "the home is one of the box's own, not this directory: a `bind` in `mounts` brings what is in it",
                );
            }
            "init" => recipe.init = is_true(value).then_some(Init::Auto),
            "unshare_netns" => recipe.network = is_true(value).then_some(Network::Private),
            "unshare_all" if is_true(value) => {
                recipe.network = Some(Network::Private);
                leave("of all this the network is what a box shares unless told not to");
            }
            "include" => {}
            "shell" => recipe.shell = Some(text(value.as_str())),
            key if ANYWAY.contains(&key) || is_false(value) => {}
            key => {
                leave(WITHOUT.iter().find(|(known, _)| *known == key).map_or("no such key is known", |(_, why)| why));
            }
        }
    }
    recipe.setup.extend(late);
    recipe
}

/// The section's entries, those of sections that it includes before its own.
fn entries<'a>(section: &'a Section, all: &'a [Section]) -> Vec<&'a (u64, String, String)> {
    let included = section.entries.iter().filter(|(_, key, _)| key == "include");
    let included =
        included.filter_map(|(_, _, name)| all.iter().find(|other| other.name == *name && other.line != section.line));
    // Those of an included section are its own only: sections that include one another end here.
    included.flat_map(|other| &other.entries).chain(&section.entries).collect()
}

fn is_true(value: &str) -> bool {
    ["true", "1", "yes"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn is_false(value: &str) -> bool {
    ["false", "0", "no", ""].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// `HOST:BOX[:OPTIONS]`, or a path that is the same on both sides.
pub(super) fn mount(volume: &str) -> Option<Mount> {
    let mut parts = volume.split(':');
    let from = parts.next()?.to_owned();
    let home = |path: &str| match path.strip_prefix("$HOME").or_else(|| path.strip_prefix("${HOME}")) {
        Some(rest) => format!("~{rest}"),
        None => path.to_owned(),
    };
    let (from, at) = (home(&from), home(parts.next().unwrap_or(&from)));
    let read_only = parts.next().is_some_and(|options| options.split(',').any(|option| option == "ro"));
    let at = At::try_from(at).ok()?;
    match from.starts_with(['/', '.', '~']) {
        true => Some(Mount::Bind { from, at, read_only }),
        false if from.is_empty() => None,
        false => Some(Mount::Cache { name: name(&from), at }),
    }
}
