//! What is said of a box that has come up against its limits.

use super::force::Force;
use crate::context::Context;
use crate::launch::Live;
use crate::limits::Events;
use crate::recipe::BoxName;
use crate::recipe::settings::Limits;
use crate::store::{Runtime, Told};

/// Looks at what happens to a box while a session runs in it.
#[derive(Debug)]
pub(in crate::commands) struct Watch {
    name: BoxName,
    runtime: Runtime,
    force: Force,
    keeper: i32,
}

impl Watch {
    /// Begins, and says what has happened since the last session has ended: to what runs in the background.
    pub(in crate::commands) fn begin(context: &Context<'_>, name: &BoxName, force: Force, live: &Live) -> Self {
        let runtime = context.store.runtime(name);
        let watch = Self { name: name.clone(), runtime, force, keeper: live.pid.as_raw() };
        watch.tell(context, "since it was last looked at, ");
        watch
    }

    /// Says what has happened since.
    pub(in crate::commands) fn end(&self, context: &Context<'_>) {
        self.tell(context, "");
    }

    fn tell(&self, context: &Context<'_>, when: &str) {
        let now = self.force.events();
        if now == Events::default() {
            return;
        }
        let told = self.runtime.told(self.keeper);
        let news = now.since(&Events { oom_kills: Some(told.oom_kills), refused_forks: Some(told.refused_forks) });
        let texts = texts(&self.name, &self.force.limits, &news);
        if texts.is_empty() {
            return;
        }
        texts.iter().for_each(|text| context.ui.warning(&format!("box `{}`: {when}{text}", self.name)));
        // If it cannot be written down it is told once more.
        let _ = self.runtime.record_told(&Told {
            keeper: self.keeper,
            oom_kills: now.oom_kills.unwrap_or(0),
            refused_forks: now.refused_forks.unwrap_or(0),
        });
    }
}

/// What is to be said of some events, each with the limit and the command that raises it.
fn texts(name: &BoxName, limits: &Limits, events: &Events) -> Vec<String> {
    let mut texts = Vec::new();
    if let (Some(count @ 1..), Some(memory)) = (events.oom_kills, limits.memory) {
        let processes = if count == 1 { "a process was" } else { &format!("{count} processes were") };
        let more = crate::recipe::settings::Size(memory.0.saturating_mul(2));
        texts.push(format!(
            "{processes} killed: there was no memory left of the {memory} that it may use (envbox limit {name} --memory {more})"
        ));
    }
    if let (Some(count @ 1..), Some(pids)) = (events.refused_forks, limits.pids) {
        let times = if count == 1 { "once" } else { &format!("{count} times") };
        let more = pids.saturating_mul(2);
        texts.push(format!(
            "no process could be started, {times}: it may have {pids} (envbox limit {name} --pids {more})"
        ));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::settings::Size;

    #[test]
    fn what_has_happened_is_said_with_the_way_out() {
        let (name, limits) =
            ("b".parse().unwrap(), Limits { memory: Some(Size(512 << 20)), pids: Some(100), ..Limits::default() });
        let of = |oom_kills, refused_forks| texts(&name, &limits, &Events { oom_kills, refused_forks });
        assert_eq!(of(Some(0), None), [""; 0]);
        let one =
            "a process was killed: there was no memory left of the 512M that it may use (envbox limit b --memory 1G)";
        assert_eq!(of(Some(1), Some(0)), [one]);
        let both = of(Some(2), Some(3));
        assert!(
            both[0].starts_with("2 processes were killed") && both[1].contains("3 times: it may have 100"),
            "{both:?}"
        );
    }
}
