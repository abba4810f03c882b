//! The keys that leave a console.

/// Looks for a sequence of keys in what is typed. What is typed goes on to the box at once, the last key of the sequence
/// excepted: withheld, the keys before it would make a terminal that does not answer.
#[derive(Debug)]
pub(super) struct Detach {
    keys: Vec<u8>,
    /// The end of what was typed, as long as the sequence at the most.
    typed: Vec<u8>,
}

impl Detach {
    /// No keys are never typed.
    pub(super) fn new(keys: &[u8]) -> Self {
        Self { keys: keys.to_vec(), typed: Vec::new() }
    }

    /// How many of these bytes were typed before the sequence was complete; `None` if it is not.
    pub(super) fn after(&mut self, bytes: &[u8]) -> Option<usize> {
        bytes.iter().position(|&byte| {
            self.typed.push(byte);
            if self.typed.len() > self.keys.len() {
                self.typed.remove(0);
            }
            !self.keys.is_empty() && self.typed == self.keys
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_sequence_and_nothing_else() {
        let mut detach = Detach::new(b"aab");
        assert_eq!(detach.after(b"aa"), None);
        // What was typed too often is part of it all the same.
        assert_eq!(detach.after(b"abx"), Some(1));
        assert_eq!(Detach::new(b"]]]").after(b"]]x]]]"), Some(5));
        assert_eq!(Detach::new(b"]]]").after(b"]]x]]"), None);
        assert_eq!(Detach::new(b"").after(b"x"), None);
    }
}
