//! Settings of a box that are applied when it is started: what it runs with, and what it would have by now.

use crate::context::Context;
use crate::recipe::BoxConfig;
use crate::store::{Settings, StoredBox};

/// Says that a box which is up runs with other settings than it has now, if it does.
pub(super) fn compare(context: &Context<'_>, stored: &StoredBox, before: &Settings) {
    let name = &stored.name;
    if before.config.limits != stored.config.limits {
        context.ui.note(&format!(
            "box `{name}` is running with the limits of before: `envbox limit {name} --apply` lets it have the new ones"
        ));
    }
    let changed = changed(&before.config, &stored.config);
    if !changed.is_empty() {
        let keys = changed.join(", ");
        context.ui.note(&format!(
            "box `{name}` is running with the settings of before ({keys}): `envbox stop {name}` lets it have the new ones"
        ));
    }
}

/// The keys of `box.yaml` that mean something else now to a box that is started, and that it cannot be given otherwise.
fn changed(before: &BoxConfig, now: &BoxConfig) -> Vec<&'static str> {
    let all = [
        ("overlay", before.overlay != now.overlay),
        ("hostname", before.hostname != now.hostname),
        ("home", before.home != now.home),
        ("share", before.share != now.share),
        ("mounts", before.mounts != now.mounts),
        ("network", before.network != now.network),
        ("ports", before.ports != now.ports),
        ("init", before.init != now.init),
        ("nesting", before.nesting != now.nesting),
        ("stop_signal", before.stop_signal != now.stop_signal),
        ("project", before.project != now.project),
        ("linger", before.linger != now.linger),
    ];
    all.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_session_takes_from_the_file_itself_has_not_changed() {
        let before = BoxConfig::new("debian".into());
        let mut now = before.clone();
        now.env.insert("A".into(), "b".into());
        now.user = Some("root".into());
        assert_eq!(changed(&before, &now), [""; 0]);
        now.linger += 1;
        now.home = crate::recipe::settings::Home::None;
        assert_eq!(changed(&before, &now), ["home", "linger"]);
    }
}
