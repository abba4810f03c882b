//! What only the keeper knows of a box, and its view has to show.

use std::io;

use super::Processors;

/// Limits that no cgroup enforces, and the averages of its load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes of swap space.
    pub swap: Option<u64>,
    /// The processors that the box's processes may run on.
    pub cpus: Processors,
    /// Averages over 1, 5 and 15 minutes, in units of 1/65536.
    pub load: [u64; 3],
}

impl Shown {
    /// As one packet.
    pub fn to_bytes(&self) -> Vec<u8> {
        let limit = |limit: Option<u64>| limit.map_or("-".to_owned(), |bytes| bytes.to_string());
        let [one, five, fifteen] = self.load;
        let (memory, swap) = (limit(self.memory), limit(self.swap));
        format!("{memory} {swap} {one} {five} {fifteen} {}", self.cpus).into_bytes()
    }

    /// From one packet.
    ///
    /// # Errors
    /// `InvalidData`.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(io::Error::from(io::ErrorKind::InvalidData));
        let number = |word: &str| word.parse::<u64>().map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
        let limit = |word: &str| if word == "-" { Ok(None) } else { number(word).map(Some) };
        Ok(Self {
            memory: limit(next()?)?,
            swap: limit(next()?)?,
            load: [number(next()?)?, number(next()?)?, number(next()?)?],
            cpus: Processors::read(next()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_received() {
        let some = Shown { memory: Some(512), swap: None, cpus: Processors::read("0-3,5"), load: [1, 2, 3] };
        for shown in [some, Shown::default()] {
            assert_eq!(Shown::from_bytes(&shown.to_bytes()).unwrap(), shown);
        }
        assert!(Shown::from_bytes(b"1 2").is_err() && Shown::from_bytes(b"").is_err());
    }
}
