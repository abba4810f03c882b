//! Archives become trees, the hostile ones included.

mod archives;
mod debian;
mod fixtures;
mod harness;
mod hostile;
mod shapes;
mod trees;
mod work;
