//! Capabilities (capabilities(7)), by number: what a process may do that only root may.

use std::io;

use rustix::thread::{CapabilitySet, capabilities, remove_capability_from_bounding_set, set_capabilities};

/// Takes capabilities away from this process and all that it will ever execute: what is not in the bounding set is not gained
/// by an execve(2) (prctl(2), `PR_CAPBSET_DROP`). Of numbers that the kernel does not know it has none.
///
/// # Errors
/// `EPERM` without `CAP_SETPCAP`.
pub fn give_up(numbers: impl IntoIterator<Item = u8>) -> io::Result<()> {
    for number in numbers {
        let capability = CapabilitySet::from_bits_retain(1u64.checked_shl(number.into()).unwrap_or_default());
        match remove_capability_from_bounding_set(capability) {
            Err(rustix::io::Errno::INVAL) | Ok(()) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Empties the inheritable set, which would pass capabilities on to programs whose files ask for them (CVE-2022-24769).
///
/// # Errors
/// capset(2)'s.
pub fn inherit_none() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.inheritable = CapabilitySet::empty();
    Ok(set_capabilities(None, sets)?)
}
