//! The integration tests: one binary.

mod unpack;
