//! The environment of a step: nothing of the caller's, so that it is the same on every machine.

use std::collections::BTreeMap;

use super::By;

/// What time is for a build, in seconds since 1970: 1 January 2020. Nothing in a layer is newer, so that layers do not
/// differ by when they were made; and ZIP knows no time before 1980.
pub const EPOCH: u32 = 1_577_836_800;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables that say who one is, about which an image has no say.
const OWN: [&str; 3] = ["HOME", "USER", "LOGNAME"];

/// The image's variables (`NAME=value`) over the standard ones, and over them in this order each of the others.
pub(super) fn environment(image: &[String], by: &By, over: &[&BTreeMap<String, String>]) -> BTreeMap<String, String> {
    let (name, home) = match by {
        By::Root => ("root", "/root"),
        By::User { name, home, .. } => (name.as_str(), home.as_str()),
    };
    let epoch = EPOCH.to_string();
    let standard = [("PATH", PATH), ("HOME", home), ("USER", name), ("LOGNAME", name), ("SOURCE_DATE_EPOCH", &epoch)];
    let mut env: BTreeMap<String, String> = standard.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let images = image.iter().filter_map(|entry| entry.split_once('='));
    let images = images.filter(|(name, value)| !name.is_empty() && !OWN.contains(name) && !value.contains('\0'));
    env.extend(images.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for over in over {
        env.extend(over.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearer_to_the_step_goes_before() {
        let map = |text: &str| {
            BTreeMap::from_iter(
                text.split(' ').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())),
            )
        };
        let image = ["A=image", "B=image", "C=image", "HOME=/evil", "bad", "=x"].map(str::to_owned);
        let env = environment(&image, &By::Root, &[&map("B=recipe C=recipe"), &map("C=step")]);
        let get = |name: &str| env[name].as_str();
        assert_eq!(
            [get("A"), get("B"), get("C"), get("HOME"), get("PATH")],
            ["image", "recipe", "step", "/root", PATH]
        );
        assert_eq!(env.len(), 8);
    }
}
