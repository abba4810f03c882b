//! What a box may use of the machine, and what it sees of that.

pub mod view;
