//! The integration tests: one program.

mod source;
