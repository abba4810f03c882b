//! The recipes that this program carries.

/// A row of the table for each name.
macro_rules! recipes {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../recipes/", $name, ".yaml")))),*]
    };
}

/// Recipes by name: the files of `recipes/`.
pub(super) const EMBEDDED: &[(&str, &str)] = recipes! {
    "almalinux" "alpine" "amazonlinux" "arch" "centos" "chimera" "debian" "devuan" "fedora" "gentoo" "kali"
    "nixos" "opensuse" "rocky" "ubuntu" "void" "wolfi"
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    #[test]
    fn every_recipe_is_one() {
        for (name, text) in EMBEDDED {
            let faults = Recipe::parse(&format!("recipes/{name}.yaml"), text).err().unwrap_or_default();
            assert!(faults.is_empty(), "{}", faults.iter().map(|fault| format!("\n{fault}")).collect::<String>());
        }
    }
}
