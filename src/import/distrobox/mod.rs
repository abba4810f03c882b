//! `distrobox.ini`, which `distrobox assemble` reads (distrobox-assemble(1)).

mod ini;
mod volume;

use ini::Section;
pub(super) use volume::volume;

use super::{Draft, Error, Left, apart, base, free_name, online, text};
use crate::recipe::project::Project;
use crate::recipe::settings::{Home, Init, Network};

/// Keys whose value is yes or no and that have no counterpart, and why. A no is what is so in envbox.
const SWITCHES: &[(&str, &str)] = &[
    ("nvidia", "the host's driver is not brought into boxes yet"),
    ("root", "envbox needs no root"),
    ("entry", "envbox makes no desktop entry"),
    ("start_now", "a box starts when somebody enters it"),
    ("replace", "a box is made anew when its recipe says so"),
    ("pull", "`envbox build --no-cache` makes an image anew"),
    ("unshare_devsys", "a box has devices and a /sys of its own"),
    ("unshare_ipc", "a box has its own always"),
    ("unshare_process", "a box has its own always"),
    ("unshare_groups", "a box has its own always"),
];

/// Keys with a text that have no counterpart, and why. An empty one says nothing.
const TEXTS: &[(&str, &str)] = &[
    ("exported_apps", "envbox exports no applications yet"),
    ("exported_bins", "envbox exports no programs yet"),
    ("exported_bins_path", "envbox exports no programs yet"),
    ("additional_flags", "they are a container engine's"),
    ("hostname", "a box's name is its host name"),
    ("clone", "an image is shared without being copied: `from` says which"),
];

/// The recipe of a `distrobox.ini`: of one section the recipe itself, of several a variant each, so that no box has
/// what is another's.
///
/// # Errors
/// The text is no such file, or has no section.
pub fn distrobox(file: &str, source: &str) -> Result<Draft, Error> {
    let sections = ini::parse(file, source)?;
    let mut draft = Draft::default();
    match sections.as_slice() {
        [] => return Err(Error::Empty { file: file.to_owned(), what: "there is no [section] in it".to_owned() }),
        [only] => draft.recipe = convert(file, only, &sections, &mut draft.left),
        several => {
            for section in several {
                let made = convert(file, section, &sections, &mut draft.left);
                let name = free_name(&draft.recipe.variants, &section.name);
                draft.recipe.variants.insert(name, made);
            }
            draft.notes.insert("variants", apart(&draft.recipe.variants));
        }
    }
    // What is included is said once, however many sections do.
    draft.left.sort();
    draft.left.dedup();
    Ok(draft)
}

fn convert(file: &str, section: &Section, all: &[Section], left: &mut Vec<Left>) -> Project {
    let mut recipe = Project::default();
    recipe.home = Some(Home::Host);
    let mut entries = Vec::new();
    gather(file, section, all, &mut Vec::new(), &mut entries, left);
    for entry in &entries {
        if let Err(why) = take(&mut recipe, entry) {
            left.push(left_of(file, entry, why));
        }
    }
    // Those before the packages come first, in the order of the file.
    for key in ["pre_init_hooks", "init_hooks"] {
        let hooks = entries.iter().filter(|(_, known, value)| known == key && !value.is_empty());
        recipe.setup.extend(hooks.map(|(_, _, value)| online(value.as_str())));
    }
    if recipe.from.is_none() {
        let why = format!("no image is named: {} is taken", super::BASE);
        left.push(Left::new(file, section.line, &format!("[{}]", section.name), why));
        recipe.from = Some(text(super::BASE));
    }
    recipe
}

fn left_of(file: &str, (line, key, value): &ini::Entry, why: impl Into<String>) -> Left {
    Left::new(file, *line, &format!("{key}={value}"), why)
}

/// Takes an entry into the recipe; the error is what of it is not there, or not as it was.
fn take(recipe: &mut Project, (_, key, value): &ini::Entry) -> Result<(), String> {
    match key.as_str() {
        "image" | "home" | "additional_packages" | "volume" | "pre_init_hooks" | "init_hooks" if value.is_empty() => {}
        "image" => recipe.from = Some(text(base(value))),
        "additional_packages" => recipe.packages.extend(value.split_whitespace().map(text)),
        "pre_init_hooks" => return Err("it runs once, when the image is made, and after its packages".to_owned()),
        "init_hooks" => return Err("it runs once, when the image is made, and not at each start".to_owned()),
        "volume" => return volumes(recipe, value),
        "home" => {
            recipe.home = Some(Home::Private);
            let why = "the home is one of the box's own, not this directory: a `bind` in `mounts` brings what is in it";
            return Err(why.to_owned());
        }
        "init" => recipe.init = is_true(value).then_some(Init::Auto),
        "unshare_netns" => recipe.network = is_true(value).then_some(Network::Private),
        "unshare_all" if is_true(value) => {
            recipe.network = Some(Network::Private);
            return Err("of all this the network is what a box shares unless told not to".to_owned());
        }
        "unshare_all" => {}
        key => return without(key, value),
    }
    Ok(())
}

/// Why a key without a counterpart is not there, if its value asks for anything.
fn without(key: &str, value: &str) -> Result<(), String> {
    let find = |table: &[(&str, &'static str)]| table.iter().find(|(known, _)| *known == key).map(|(_, why)| *why);
    match (find(SWITCHES), find(TEXTS)) {
        (Some(_), _) if !is_true(value) => Ok(()),
        (_, Some(_)) if value.is_empty() => Ok(()),
        (Some(why), _) | (_, Some(why)) => Err(why.to_owned()),
        (None, None) => Err("no such key is known".to_owned()),
    }
}

fn volumes(recipe: &mut Project, value: &str) -> Result<(), String> {
    let mut wrong = Vec::new();
    for one in value.split_whitespace() {
        match volume(one) {
            Ok((mount, differs)) => {
                recipe.mounts.push(mount);
                wrong.extend(differs);
            }
            Err(why) => wrong.push(why),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// The section's entries, those of the sections that it includes where it does. `open` are the sections that are being
/// included.
fn gather(
    file: &str,
    section: &Section,
    all: &[Section],
    open: &mut Vec<u64>,
    found: &mut Vec<ini::Entry>,
    left: &mut Vec<Left>,
) {
    open.push(section.line);
    for entry in &section.entries {
        let (_, key, value) = entry;
        if key != "include" {
            found.push(entry.clone());
            continue;
        }
        match all.iter().find(|other| other.name == *value) {
            _ if found.len() > MOST => left.push(left_of(file, entry, "too much is included")),
            None => left.push(left_of(file, entry, "there is no such section in this file")),
            Some(other) if open.contains(&other.line) => {
                left.push(left_of(file, entry, "it includes itself"));
            }
            Some(other) => gather(file, other, all, open, found, left),
        }
    }
    open.pop();
}

/// Entries of a section at the most, with those of all that it includes.
const MOST: usize = 10_000;

fn is_true(value: &str) -> bool {
    ["true", "1", "yes"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All keys of distrobox-assemble(1), with what the recipe then says; nothing where it is listed.
    const KEYS: [(&str, &str); 27] = [
        ("image=alpine:3.20", "from: alpine:3.20"),
        ("clone=x", ""),
        ("home=/srv/x", "home: private"),
        ("hostname=x", ""),
        ("init=true", "init: auto"),
        ("nvidia=true", ""),
        ("pull=true", ""),
        ("root=true", ""),
        ("replace=true", ""),
        ("entry=true", ""),
        ("start_now=true", ""),
        ("volume=/srv:/data:ro", "{bind: /srv, at: /data, read_only: true}"),
        ("volume=/srv:/data:rslave", ""),
        ("additional_flags=--x", ""),
        ("additional_packages=vim", "packages: [vim]"),
        ("init_hooks=touch /a", "run: touch /a"),
        ("pre_init_hooks=touch /b", "run: touch /b"),
        ("exported_apps=x", ""),
        ("exported_bins=x", ""),
        ("exported_bins_path=x", ""),
        ("unshare_devsys=true", ""),
        ("unshare_groups=true", ""),
        ("unshare_ipc=true", ""),
        ("unshare_netns=true", "network: private"),
        ("unshare_process=true", ""),
        ("unshare_all=true", "network: private"),
        ("include=nothing", ""),
    ];

    #[test]
    fn each_key_is_carried_over_or_listed() {
        for (entry, said) in KEYS {
            let draft = distrobox("x.ini", &format!("[a]\nimage=debian:12\n{entry}\n")).unwrap();
            let listed = draft.left.iter().any(|left| left.line == 3);
            assert!(if said.is_empty() { listed } else { draft.yaml().contains(said) }, "{entry}: {}", draft.yaml());
        }
        for unknown in ["frobnicate=1", "frobnicate=false", "frobnicate=", "shell=/bin/zsh"] {
            let draft = distrobox("x.ini", &format!("[a]\nimage=debian:12\n{unknown}\n")).unwrap();
            assert_eq!(draft.left.len(), 1, "{unknown}");
        }
        let off = SWITCHES.iter().map(|(key, _)| format!("{key}=false\n")).collect::<String>();
        let none = TEXTS.iter().map(|(key, _)| format!("{key}=\"\"\n")).collect::<String>();
        let draft = distrobox("x.ini", &format!("[a]\nimage=debian:12\nhome=\n{off}{none}")).unwrap();
        assert_eq!((draft.left, draft.recipe.home), (Vec::new(), Some(Home::Host)));
    }

    #[test]
    fn what_is_included_stands_where_it_is() {
        let text = "[a]\nimage=alpine:3.20\ninclude=b\n[b]\nadditional_packages=x\ninclude=c\n[c]\nimage=debian:12\ninclude=a\n";
        let draft = distrobox("x.ini", text).unwrap();
        let a = &draft.recipe.variants["a"];
        assert_eq!((a.from.as_ref().unwrap().as_str(), a.packages.len()), ("debian:12", 1));
        assert!(draft.left.iter().any(|left| left.line == 9), "{:?}", draft.left);
    }
}
