//! What a layer is known by: everything that goes into it, in one canonical form.

use serde::Serialize;

use super::Step;
use crate::image::Digest;

/// Changed whenever steps are carried out in another way, so that layers of the old way are not taken for new ones.
const FORMAT: u32 = 1;

/// What goes into a layer. Maps are ordered and fields stand in the order of the types, so that there is one JSON text for it.
#[derive(Serialize)]
struct Made<'a> {
    format: u32,
    /// The layers below: those of the base, or the key of the layer below, which has all others in it.
    on: &'a [Digest],
    /// What tells a layer that was to be made anew from the one there was.
    #[serde(skip_serializing_if = "Option::is_none")]
    anew: Option<&'a str>,
    step: &'a Step,
}

/// The names of the layers that these steps make, one after the other, on layers that are there. `anew` is anything that
/// layers of the same steps do not have.
pub fn keys(base: &[Digest], anew: Option<&str>, steps: &[Step]) -> Vec<Digest> {
    let mut on = base.to_vec();
    let key = |step| {
        let made = Made { format: FORMAT, on: &on, anew, step };
        // A structure of texts and numbers can always be written.
        let key = Digest::of(&serde_json::to_vec(&made).unwrap_or_default());
        on = vec![key];
        key
    };
    steps.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::build::By;

    fn run(text: &str) -> Step {
        Step::Run { run: text.to_owned(), by: By::Root, network: false, env: BTreeMap::new() }
    }

    #[test]
    fn a_step_changes_its_own_layer_and_those_above() {
        let base = [Digest::of(b"base")];
        let before = keys(&base, None, &[run("a"), run("b"), run("c")]);
        let after = keys(&base, None, &[run("a"), run("B"), run("c")]);
        assert_eq!(before[0], after[0]);
        assert!(before[1] != after[1] && before[2] != after[2]);
        assert_ne!(keys(&[Digest::of(b"other")], None, &[run("a")])[0], before[0]);
        assert_ne!(keys(&base, Some("1"), &[run("a")])[0], before[0]);
        // The same step twice is two layers.
        let twice = keys(&base, None, &[run("a"), run("a")]);
        assert_ne!(twice[0], twice[1]);
    }

    const KNOWN: &str = "sha256:d757102bd06cf724650466db5054be0789e2de1cce447d36ef2b8ae4c5066e8d";

    #[test]
    fn the_form_of_a_key_is_kept() {
        let key = keys(&[Digest::of(b"base")], None, &[run("make install")]);
        // If this changes, every layer that anybody has is made anew: FORMAT says so, or it was a mistake.
        assert_eq!(key[0].to_string(), KNOWN);
    }
}
