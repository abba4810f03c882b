//! `envbox start`, `restart`, `console` and `autostart`: what is done with boxes that run by themselves.

use std::fmt;

use clap::Args;

use crate::recipe::BoxName;

/// How the boot of a box is waited for.
#[derive(Debug, Clone, Copy, Args)]
pub struct Wait {
    /// Seconds to wait for the boot of a system box
    #[arg(short, long, value_name = "SECONDS", default_value_t = 90, conflicts_with = "no_wait")]
    pub wait: u32,
    /// Do not wait for it
    #[arg(long)]
    pub no_wait: bool,
}

/// What `envbox start` takes.
#[derive(Debug, Args)]
#[command(after_long_help = START_EXAMPLES)]
pub struct Start {
    /// Names of boxes; without any, the project's own
    #[arg(value_name = "NAME")]
    pub names: Vec<BoxName>,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

const START_EXAMPLES: &str = "\
Examples:
  envbox create sys --system debian && envbox start sys
  envbox start sys --no-wait && envbox console sys";

/// What `envbox restart` takes.
#[derive(Debug, Args)]
#[command(after_long_help = RESTART_EXAMPLES)]
pub struct Restart {
    /// Names of boxes; without any, the project's own
    #[arg(value_name = "NAME")]
    pub names: Vec<BoxName>,
    /// Seconds to wait before what has not ended is killed
    #[arg(short, long, value_name = "SECONDS", default_value_t = 10)]
    pub time: u32,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

const RESTART_EXAMPLES: &str = "\
Examples:
  envbox restart sys";

/// What `envbox console` takes.
#[derive(Debug, Args)]
#[command(after_long_help = CONSOLE_EXAMPLES)]
pub struct Console {
    /// Name of a system box that runs
    pub name: BoxName,
    /// The keys that leave the console, one after the other: characters, or `ctrl-` and one
    #[arg(long, value_name = "KEYS", default_value = "ctrl-],ctrl-],ctrl-]", value_parser = keys)]
    pub detach_keys: DetachKeys,
}

const CONSOLE_EXAMPLES: &str = "\
Examples:
  envbox console sys
  envbox console sys --detach-keys ctrl-p,ctrl-q";

/// The bytes that a terminal sends for the keys that leave a console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachKeys(pub Vec<u8>);

impl fmt::Display for DetachKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            match byte {
                // A control character is its letter without the two upper bits.
                0..=0x1f => write!(f, "Ctrl-{}", char::from(byte | 0x40))?,
                byte => write!(f, "{}", char::from(*byte))?,
            }
        }
        Ok(())
    }
}

/// What `envbox autostart` takes.
#[derive(Debug, Args)]
#[command(after_long_help = AUTOSTART_EXAMPLES)]
pub struct Autostart {
    /// Name of a box; without one, those that are started at login are listed
    pub name: Option<BoxName>,
    /// Do not start it any more
    #[arg(long, requires = "name")]
    pub off: bool,
}

const AUTOSTART_EXAMPLES: &str = "\
Examples:
  envbox autostart sys
  envbox autostart sys --off";

/// Keys as docker's `--detach-keys` has them.
fn keys(text: &str) -> Result<DetachKeys, String> {
    let key = |key: &str| {
        let (control, name) = key.strip_prefix("ctrl-").map_or((false, key), |name| (true, name));
        match (control, name.as_bytes()) {
            (false, [byte @ 0x21..=0x7e]) => Some(*byte),
            (true, [byte @ (b'a'..=b'z' | b'@' | b'[' | b'\\' | b']' | b'^' | b'_')]) => Some(byte & 0x1f),
            _ => None,
        }
    };
    let bytes = text.split(',').map(|word| key(word).ok_or(word)).collect::<Result<Vec<u8>, &str>>();
    match bytes {
        Ok(bytes) => Ok(DetachKeys(bytes)),
        Err(bad) => Err(format!("`{}` is no key: a character or `ctrl-x` is expected", bad.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_a_terminal_sends() {
        let of = |text: &str| keys(text).map(|keys| keys.0);
        assert_eq!(of("ctrl-],ctrl-]"), Ok(vec![0x1d, 0x1d]));
        assert_eq!(of("ctrl-p,ctrl-q,~,."), Ok(vec![0x10, 0x11, b'~', b'.']));
        assert_eq!(of("ctrl-@"), Ok(vec![0]));
        assert_eq!(keys("ctrl-p,ctrl-],x").unwrap().to_string(), "Ctrl-P Ctrl-] x");
        for bad in ["", "ctrl-", "ctrl-A", "ab", "a,,b", "ü", "ctrl-a "] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
