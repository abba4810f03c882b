//! Does one piece of work of the tests' as root of a user namespace: `in_userns ORDER` prints the answer, both JSON.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "a part of the tests")]

#[path = "../tests/it/unpack/work.rs"]
mod work;

fn main() {
    let order = std::env::args().nth(1).unwrap();
    let (target, work): (std::path::PathBuf, work::Work) = serde_json::from_str(&order).unwrap();
    println!("{}", serde_json::to_string(&work::run(&target, work)).unwrap());
}
