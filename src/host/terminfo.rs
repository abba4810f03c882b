//! The description of the caller's terminal.

use std::path::PathBuf;

use super::Host;

impl Host {
    /// The name of the caller's terminal and its compiled description, as this host has it (term(5)).
    pub fn terminfo(&self) -> Option<(String, Vec<u8>)> {
        let term = self.var("TERM")?.to_str()?.to_owned();
        if term.contains('/') || term.starts_with('.') {
            return None;
        }
        let entry = format!("{}/{term}", term.chars().next()?);
        let own = self.var("TERMINFO").map(PathBuf::from);
        let system = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"].map(PathBuf::from);
        let description = own.into_iter().chain(system).find_map(|dir| std::fs::read(dir.join(&entry)).ok())?;
        Some((term, description))
    }
}
