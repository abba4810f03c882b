//! `/proc/loadavg` (proc_loadavg(5)), computed as the kernel does (kernel/sched/loadavg.c).

use super::tasks::Tasks;
use super::time::Ticks;

/// Fractional bits of an average (include/linux/sched/loadavg.h).
const BITS: u32 = 11;
const ONE: u64 = 1 << BITS;

/// What is left of an average after one period, by 1, 5 and 15 minutes: `ONE / exp(5 s / minutes)`.
const DECAY: [u64; 3] = [1884, 2014, 2037];

/// Between two samples.
const PERIOD: Ticks = Ticks(500);

/// Samples are taken for so long after somebody has asked for the averages.
const ATTENTION: Ticks = Ticks(15 * 60 * 100);

/// Periods after which nothing is left of what an average was.
const MOST: u64 = 4096;

/// Averages of how many tasks want to run or wait for a disk.
///
/// Looking at all tasks of a box every five seconds costs something, so it is done only while somebody reads the averages, and
/// for 15 minutes more. For the time in which nobody looked, the load is taken to be the number of processors that were at work,
/// which is known afterwards: it is never more than the truth, and leaves out tasks that had to wait for a processor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    averages: [u64; 3],
    /// The moment up to which they count, and the processors' time used until then.
    sampled: (Ticks, Ticks),
    asked: Option<Ticks>,
}

impl Load {
    /// Of a box that has begun at this moment.
    pub fn new(start: Ticks) -> Self {
        Self { sampled: (start, Ticks(0)), ..Self::default() }
    }

    /// Says that somebody wants to know them. `worked`: the processors' time that the box has used, if that has to be known.
    pub fn ask(&mut self, now: Ticks, worked: impl FnOnce() -> Ticks) {
        if self.due().is_none_or(|due| now.since(due) >= PERIOD) {
            self.catch_up(now, worked());
        }
        self.asked = Some(now);
    }

    /// When the next sample is to be taken; never, where nobody has asked for a while.
    pub fn due(&self) -> Option<Ticks> {
        let next = Ticks(self.sampled.0.0.saturating_add(PERIOD.0));
        self.asked.filter(|asked| next.since(*asked) <= ATTENTION).map(|_| next)
    }

    /// Takes in a sample: how many tasks run, wait to run, or wait for a disk.
    pub fn sample(&mut self, now: Ticks, worked: Ticks, active: u64) {
        self.catch_up(Ticks(now.0.saturating_sub(PERIOD.0)), worked);
        self.decay(active.saturating_mul(ONE), 1);
        self.sampled = (now, worked);
    }

    /// Periods without a sample.
    fn catch_up(&mut self, now: Ticks, worked: Ticks) {
        let (then, had_worked) = self.sampled;
        let elapsed = now.since(then);
        let periods = elapsed.0 / PERIOD.0;
        if periods > 0 {
            let active = worked.since(had_worked).0.saturating_mul(ONE) / elapsed.0;
            self.decay(active, periods.min(MOST));
            self.sampled = (now, worked);
        }
    }

    fn decay(&mut self, active: u64, periods: u64) {
        for (average, left) in self.averages.iter_mut().zip(DECAY) {
            for _ in 0..periods {
                // The kernel rounds up while the load rises, so that it arrives.
                let rounded = if active >= *average { ONE - 1 } else { 0 };
                *average =
                    (*average * left).saturating_add(active.saturating_mul(ONE - left)).saturating_add(rounded) / ONE;
            }
        }
    }

    /// As sysinfo(2) has them: in units of 1/65536.
    pub fn scaled(&self) -> [u64; 3] {
        self.averages.map(|average| average << (16 - BITS))
    }
}

/// The file. `last` is the newest process id in the box.
pub(super) fn loadavg(scaled: [u64; 3], tasks: &Tasks, last: u64) -> String {
    let [one, five, fifteen] = scaled.map(|load| {
        let rounded = load + (1 << 16) / 200;
        format!("{}.{:02}", rounded >> 16, ((rounded & 0xffff) * 100) >> 16)
    });
    // Whoever reads this runs.
    format!("{one} {five} {fifteen} {}/{} {last}\n", tasks.running.max(1), tasks.total.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(load: &Load) -> String {
        loadavg(load.scaled(), &Tasks { running: 3, total: 9, ..Tasks::default() }, 42)
    }

    /// What the kernel's own function gives for two busy tasks from an idle start, one sample each 5 s.
    #[test]
    fn it_decays_as_the_kernels_does() {
        let mut load = Load::new(Ticks(0));
        load.ask(Ticks(0), || Ticks(0));
        for period in 1..=12 {
            load.sample(Ticks(period * 500), Ticks(0), 2);
        }
        assert_eq!(text(&load), "1.27 0.37 0.13 3/9 42\n");
        for period in 13..=2000 {
            load.sample(Ticks(period * 500), Ticks(0), 2);
        }
        assert_eq!(text(&load), "2.00 2.00 2.00 3/9 42\n");
    }

    #[test]
    fn it_is_sampled_while_somebody_looks() {
        let mut load = Load::new(Ticks(100));
        assert_eq!(load.due(), None);
        load.ask(Ticks(200), || Ticks(0));
        assert_eq!(load.due(), Some(Ticks(600)));
        load.sample(Ticks(600), Ticks(0), 0);
        assert_eq!(load.due(), Some(Ticks(1100)));
        load.sample(Ticks(90_000), Ticks(0), 0);
        assert_eq!(load.due(), None, "nobody has asked for 15 minutes");
        load.ask(Ticks(95_000), || Ticks(0));
        assert_eq!(load.due(), Some(Ticks(95_500)));
    }

    #[test]
    fn what_nobody_saw_is_known_by_the_work_done() {
        // An hour with one and a half processors at work.
        let mut load = Load::new(Ticks(0));
        load.ask(Ticks(360_000), || Ticks(540_000));
        assert_eq!(text(&load), "1.50 1.50 1.50 3/9 42\n");
        // Then half an hour without any.
        load.sample(Ticks(360_500), Ticks(540_000), 0);
        load.ask(Ticks(540_500), || Ticks(540_000));
        assert_eq!(text(&load), "0.00 0.00 0.18 3/9 42\n");
    }

    #[test]
    fn a_clock_that_stands_still() {
        let mut load = Load::new(Ticks(1000));
        load.ask(Ticks(0), || Ticks(7));
        load.sample(Ticks(0), Ticks(7), u64::MAX);
        assert!(text(&load).ends_with(" 3/9 42\n"));
    }
}
