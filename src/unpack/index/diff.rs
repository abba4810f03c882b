//! What two indexes say differently.

use std::cmp::Ordering;
use std::iter::Peekable;

use super::record::{Entry, Records};

/// One difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// It is gone. What was a directory and is none any more, or the other way round, is missing and added.
    Missing(Entry<'a>),
    /// It was not there.
    Added(Entry<'a>),
    /// It is another.
    Changed {
        /// What it should be.
        was: Entry<'a>,
        /// What it is.
        is: Entry<'a>,
    },
}

/// Goes through two indexes at once.
#[derive(Debug)]
pub(super) struct Diff<'a> {
    was: Peekable<Records<'a>>,
    is: Peekable<Records<'a>>,
}

impl<'a> Diff<'a> {
    pub(super) fn new(was: &'a [u8], is: &'a [u8]) -> Self {
        Self { was: Records(was).peekable(), is: Records(is).peekable() }
    }
}

impl<'a> Iterator for Diff<'a> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.was.peek(), self.is.peek()) {
                (Some(was), Some(is)) => was.order(is),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            match order {
                Ordering::Less => return self.was.next().map(Change::Missing),
                Ordering::Greater => return self.is.next().map(Change::Added),
                Ordering::Equal => {
                    let (was, is) = (self.was.next()?, self.is.next()?);
                    if was != is {
                        return Some(Change::Changed { was, is });
                    }
                }
            }
        }
    }
}
