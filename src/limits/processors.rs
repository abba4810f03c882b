//! Processors by number, as the kernel writes lists of them (cpuset(7), "List format").

use std::collections::BTreeSet;
use std::fmt;

/// The highest number of a processor (`CONFIG_NR_CPUS` at its most).
const HIGHEST: u32 = 8191;

/// A set of processors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Processors(BTreeSet<u32>);

impl Processors {
    /// Reads a list such as `0-3,5`; what is no range of possible processors is left out.
    pub fn read(list: &str) -> Self {
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
            (last <= HIGHEST).then_some(first..=last)
        };
        Self(list.trim().split(',').filter_map(range).flatten().collect())
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether this one is among them.
    pub fn has(&self, number: u32) -> bool {
        self.0.contains(&number)
    }

    /// The number of processors below this one, which is its place among them.
    pub fn place(&self, number: u32) -> usize {
        self.0.range(..number).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The content of `/sys/devices/system/cpu/online`.
    pub(in crate::limits) fn online(&self) -> String {
        format!("{self}\n")
    }
}

impl FromIterator<u32> for Processors {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        Self(numbers.into_iter().filter(|&number| number <= HIGHEST).collect())
    }
}

impl fmt::Display for Processors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbers = self.0.iter().copied().peekable();
        let mut comma = "";
        while let Some(first) = numbers.next() {
            let mut last = first;
            while let Some(next) = numbers.next_if_eq(&(last + 1)) {
                last = next;
            }
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
            comma = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        for list in ["0", "0-3", "0-3,5", "1,3,5-6", "8191", ""] {
            assert_eq!(Processors::read(list).to_string(), list);
        }
        assert_eq!(Processors::read("3,1-2\n").online(), "1-3\n");
        assert_eq!(Processors::read("x,1-y,7,4294967295,9-8").to_string(), "7");
        let set = Processors::read("0-2,5");
        assert_eq!((0..7).filter(|number| set.has(*number)).collect::<Vec<_>>(), [0, 1, 2, 5]);
        let some = Processors::read("2,5-6");
        assert_eq!((some.count(), some.has(5), some.has(3), some.place(5), some.place(6)), (3, true, false, 1, 2));
    }
}
