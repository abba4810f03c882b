//! What programs report of the machine in a box with 1.5 processors and 512 MiB: the table of `docs/limits.md`.
