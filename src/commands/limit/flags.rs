//! Limits that were typed, over those that a box has.

use crate::cli::{self, Limiting, Most};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::launch;
use crate::recipe::settings::{Enforce, Io, Limits, View};
use crate::store::StoredBox;

/// The limits, with what was typed in the place of what there is.
///
/// # Errors
/// Limits under which nothing could run.
pub(in crate::commands) fn over(limits: &Limits, flags: &Limiting) -> Result<Limits> {
    let new = Limits {
        memory: one(flags.memory, limits.memory),
        swap: one(flags.swap, limits.swap),
        cpus: one(flags.cpus, limits.cpus),
        cpuset: one(flags.cpuset.clone(), limits.cpuset.clone()),
        pids: one(flags.pids, limits.pids),
        io: Io { read: one(flags.io_read, limits.io.read), write: one(flags.io_write, limits.io.write) },
        nofile: one(flags.nofile, limits.nofile),
        view: flags.view.map(Into::into).or(limits.view),
        enforce: flags.limits.map(Into::into).or(limits.enforce),
    };
    new.check().map_err(|little| Error::new(little).hint("`none` is no limit"))?;
    Ok(new)
}

fn one<T>(typed: Option<Most<T>>, now: Option<T>) -> Option<T> {
    match typed {
        None => now,
        Some(Most::None) => None,
        Some(Most::At(value)) => Some(value),
    }
}

/// Gives a box that is about to be started the limits that were typed, for this time.
///
/// # Errors
/// The box is up, with others.
pub(in crate::commands) fn for_this_start(
    context: &Context<'_>,
    stored: &mut StoredBox,
    flags: &Limiting,
) -> Result<()> {
    if *flags == Limiting::default() {
        return Ok(());
    }
    let runtime = context.store.runtime(&stored.name);
    if !launch::is_up(&runtime) {
        stored.config.limits = over(&stored.config.limits, flags)?;
        return Ok(());
    }
    let now = runtime.limits();
    if over(&now, flags)? == now {
        return Ok(());
    }
    let (name, typed) = (&stored.name, words(flags));
    let error = Error::new(format!("the box `{name}` is up, and has other limits"));
    // How they are enforced and shown has no other value to be typed.
    let error = if typed.is_empty() {
        error
    } else {
        error.hint(format!("envbox limit {name}{typed}   changes them while it runs"))
    };
    Err(error.hint(format!("envbox stop {name}   and the next start takes those that you give it")))
}

/// As they were typed.
fn words(flags: &Limiting) -> String {
    fn word<T: ToString>(name: &str, most: Option<&Most<T>>) -> Option<String> {
        let value = most.map(|most| match most {
            Most::None => "none".to_owned(),
            Most::At(value) => value.to_string(),
        });
        value.map(|value| format!(" --{name} {value}"))
    }
    let all = [
        word("memory", flags.memory.as_ref()),
        word("swap", flags.swap.as_ref()),
        word("cpus", flags.cpus.as_ref()),
        word("cpuset", flags.cpuset.as_ref()),
        word("pids", flags.pids.as_ref()),
        word("nofile", flags.nofile.as_ref()),
        word("io-read", flags.io_read.as_ref()),
        word("io-write", flags.io_write.as_ref()),
    ];
    all.into_iter().flatten().collect()
}

impl From<cli::View> for View {
    fn from(view: cli::View) -> Self {
        match view {
            cli::View::Full => Self::Full,
            cli::View::Files => Self::Files,
            cli::View::None => Self::None,
        }
    }
}

impl From<cli::Enforce> for Enforce {
    fn from(enforce: cli::Enforce) -> Self {
        match enforce {
            cli::Enforce::BestEffort => Self::BestEffort,
            cli::Enforce::Require => Self::Require,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::settings::{Cpus, Size};

    #[test]
    fn what_was_typed_comes_before_what_there_is() {
        let limits = Limits { memory: Some(Size(1 << 20)), cpus: Some(Cpus(1500)), pids: Some(7), ..Limits::default() };
        let flags = Limiting {
            memory: Some(Most::At(Size(2 << 30))),
            cpus: Some(Most::None),
            view: Some(cli::View::None),
            ..Limiting::default()
        };
        let expected =
            Limits { memory: Some(Size(2 << 30)), pids: Some(7), view: Some(View::None), ..Limits::default() };
        assert_eq!(over(&limits, &flags).unwrap(), expected);
        assert_eq!(over(&limits, &Limiting::default()).unwrap(), limits);
        assert_eq!(words(&flags), " --memory 2G --cpus none");
    }
}
