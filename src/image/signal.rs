//! Signals by the names that images have for them.

/// The signals from 1 on by their names (signal(7)), which have the same numbers on every architecture but alpha, sparc,
/// mips and parisc.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// The first and the last real-time signal that the GNU C library leaves to programs. Images count from here whatever
/// their own library is.
const REAL_TIME: (i32, i32) = (34, 64);

/// The number of a signal as an image gives it (image-spec, config.md, `StopSignal`): `SIGTERM`, `TERM`, `15`,
/// `SIGRTMIN+3`, `RTMAX-2`.
pub fn signal_number(text: &str) -> Option<i32> {
    let (first, last) = REAL_TIME;
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    if let Some(number) = number(text) {
        return (1..=last).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |text: &str, sign: char| if text.is_empty() { Some(0) } else { number(text.strip_prefix(sign)?) };
    let real_time = if let Some(rest) = name.strip_prefix("RTMIN") {
        first.checked_add(offset(rest, '+')?)
    } else if let Some(rest) = name.strip_prefix("RTMAX") {
        last.checked_sub(offset(rest, '-')?)
    } else {
        return (1..).zip(NAMES).find_map(|(number, known)| (known == name).then_some(number));
    };
    real_time.filter(|number| (first..=last).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (text, number) in [
            ("SIGTERM", 15),
            ("TERM", 15),
            ("sigquit", 3),
            ("9", 9),
            ("SIGWINCH", 28),
            ("SYS", 31),
            ("SIGRTMIN+3", 37),
            ("RTMIN", 34),
            ("SIGRTMAX-14", 50),
            ("64", 64),
        ] {
            assert_eq!(signal_number(text), Some(number), "{text}");
        }
        for bad in [
            "",
            "0",
            "65",
            "-1",
            "+9",
            "SIG",
            "SIGSIGTERM",
            "TERM ",
            "SIGRTMIN+31",
            "RTMIN-1",
            "RTMAX+1",
            "RTMIN+",
            "RTMIN+-1",
            "RTMIN+99999999999",
            "RTMAX-2147483647",
            "99999999999",
            "SIGTERM\0",
            "١",
        ] {
            assert_eq!(signal_number(bad), None, "{bad:?}");
        }
    }
}
