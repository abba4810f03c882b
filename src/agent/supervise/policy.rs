//! Whether a service that has ended is started again, and when.

use std::time::Duration;

use crate::recipe::project::Restart;
use crate::sys::process::Ended;

/// The first pause before another start; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A service that has run for so long has not ended because of how it was started.
const STEADY: Duration = Duration::from_secs(10);
/// How often in a row it may end before that.
const MOST_FALLS: u32 = 5;

/// What is done about a service that has ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is started again, after a pause.
    Again(Duration),
    /// It stays ended, and that is well.
    Rest,
    /// It stays ended, and that is a failure.
    Fail,
    /// It ends again and again, and is not started any more.
    Loop,
}

/// How often in a row a service has ended soon after its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Falls(u32);

impl Falls {
    /// Decides, for a service that has run for `lived`.
    pub(super) fn next(&mut self, restart: Restart, ended: Ended, lived: Duration) -> Next {
        let well = ended == Ended::Exited(0);
        match restart {
            Restart::No | Restart::OnFailure if well => return Next::Rest,
            Restart::No => return Next::Fail,
            Restart::OnFailure | Restart::Always => {}
        }
        self.0 = if lived >= STEADY { 1 } else { self.0 + 1 };
        if self.0 > MOST_FALLS {
            return Next::Loop;
        }
        Next::Again((FIRST_PAUSE * 2u32.saturating_pow(self.0 - 1)).min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);

    #[test]
    fn what_the_policy_says() {
        let next = |restart, ended| Falls::default().next(restart, ended, SOON);
        let (well, badly) = (Ended::Exited(0), Ended::Killed(9));
        assert_eq!(next(Restart::No, well), Next::Rest);
        assert_eq!(next(Restart::No, badly), Next::Fail);
        assert_eq!(next(Restart::OnFailure, well), Next::Rest);
        assert_eq!(next(Restart::OnFailure, badly), Next::Again(FIRST_PAUSE));
        assert_eq!(next(Restart::Always, well), Next::Again(FIRST_PAUSE));
    }

    #[test]
    fn pauses_grow_until_it_is_a_loop() {
        let mut falls = Falls::default();
        let mut next = |lived| falls.next(Restart::Always, Ended::Exited(1), lived);
        let pauses: Vec<Next> = (0..6).map(|_| next(SOON)).collect();
        let again = |ms| Next::Again(Duration::from_millis(ms));
        assert_eq!(pauses, [again(100), again(200), again(400), again(800), again(1600), Next::Loop]);
        assert_eq!(next(STEADY), again(100), "whoever has run for long begins anew");
    }
}
