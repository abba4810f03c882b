//! Time in the kernel's units.

/// Clock ticks a second of all that proc says (time(7), `USER_HZ`; 100 on every architecture that envbox runs on).
pub(super) const TICKS: u64 = 100;

/// A stretch of time, or a moment after the machine's start, in hundredths of a second, as proc has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub u64);

impl Ticks {
    /// From an amount of microseconds, rounded down.
    pub(super) fn from_micros(micros: u64) -> Self {
        Self(micros / (1_000_000 / TICKS))
    }

    /// From the decimal seconds of `/proc/uptime`.
    pub(super) fn from_seconds(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.')?;
        Some(Self(whole.parse::<u64>().ok()?.checked_mul(TICKS)?.checked_add(part.parse().ok()?)?))
    }

    /// Whole seconds.
    pub(super) fn seconds(self) -> u64 {
        self.0 / TICKS
    }

    /// The time since an earlier moment.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl std::fmt::Display for Ticks {
    /// Decimal seconds, as `/proc/uptime` has them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.seconds(), self.0 % TICKS)
    }
}

/// Time that the processors of a box have worked for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// In programs.
    pub user: Ticks,
    /// Of which with a lowered priority.
    pub nice: Ticks,
    /// In the kernel.
    pub system: Ticks,
}

impl Work {
    /// All of it.
    pub fn total(self) -> Ticks {
        Ticks(self.user.0.saturating_add(self.nice.0).saturating_add(self.system.0))
    }

    /// What `processors` of them have not worked in this time.
    pub(super) fn idle(self, elapsed: Ticks, processors: usize) -> Ticks {
        let all = elapsed.0.saturating_mul(u64::try_from(processors).unwrap_or(u64::MAX));
        Ticks(all.saturating_sub(self.total().0))
    }
}

/// `/proc/uptime` (proc_uptime(5)) of a box that has been up for so long.
pub(super) fn uptime(elapsed: Ticks, work: Work, processors: usize) -> String {
    format!("{elapsed} {}\n", work.idle(elapsed, processors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_up_since_its_own_start() {
        let work = Work { user: Ticks(150), nice: Ticks(0), system: Ticks(51) };
        assert_eq!(uptime(Ticks(1005), work, 2), "10.05 18.09\n");
        assert_eq!(uptime(Ticks(3), work, 1), "0.03 0.00\n");
        assert_eq!(Ticks::from_seconds("35692.97"), Some(Ticks(3_569_297)));
        assert_eq!((Ticks::from_seconds("x"), Ticks::from_seconds("1.y")), (None, None));
        assert_eq!(Ticks::from_micros(1_239_999), Ticks(123));
    }
}
