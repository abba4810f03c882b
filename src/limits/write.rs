//! Limits, as the cgroup file system takes them.

use std::fs;
use std::io;
use std::path::Path;

use super::Controller;
use crate::recipe::settings::Limits;

/// Microseconds in which a quota of processor time is counted: the kernel's default.
const PERIOD: u64 = 100_000;

/// Writes limits to the files of a cgroup; what is not limited is set free. Controllers that the cgroup lacks are left out.
/// `disks` are the block devices, each as `MAJOR:MINOR`, whose reading and writing is limited.
///
/// # Errors
/// The kernel's, with the file's name in it.
pub fn write(dir: &Path, limits: &Limits, on: &[Controller], disks: &[String]) -> io::Result<()> {
    for (file, value) in lines(limits, on, disks) {
        match fs::write(dir.join(file), &value) {
            // A kernel without swap accounting lacks the file, and limits of swap along with it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::new(error.kind(), format!("{file}: {error}"))),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// The files and their values (Documentation/admin-guide/cgroup-v2.rst, "Interface Files").
fn lines(limits: &Limits, on: &[Controller], disks: &[String]) -> Vec<(&'static str, String)> {
    let has = |controller| on.contains(&controller);
    let or_max = |value: Option<u64>| value.map_or_else(|| "max".to_owned(), |value| value.to_string());
    let mut lines = Vec::new();
    if has(Controller::Memory) {
        lines.push(("memory.max", or_max(limits.memory.map(|size| size.0))));
        lines.push(("memory.swap.max", or_max(limits.swap.map(|size| size.0))));
    }
    if has(Controller::Cpu) {
        let quota = limits.cpus.map(|cpus| (u64::from(cpus.0) * PERIOD / 1000).max(1000));
        lines.push(("cpu.max", format!("{} {PERIOD}", or_max(quota))));
    }
    if has(Controller::Cpuset) {
        // Nothing means what the parent has.
        lines.push((
            "cpuset.cpus",
            limits.cpuset.as_ref().map_or_else(|| "\n".to_owned(), |set| set.as_str().to_owned()),
        ));
    }
    if has(Controller::Pids) {
        lines.push(("pids.max", or_max(limits.pids)));
    }
    if has(Controller::Io) {
        let (read, write) = (limits.io.read.map(|rate| rate.0), limits.io.write.map(|rate| rate.0));
        let rates = format!("rbps={} wbps={}", or_max(read), or_max(write));
        lines.extend(disks.iter().map(|disk| ("io.max", format!("{disk} {rates}"))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::settings::{Cpus, Size};

    #[test]
    fn what_is_limited_has_a_value_and_the_rest_is_free() {
        let limits =
            Limits { memory: Some(Size(512 << 20)), cpus: Some(Cpus(1500)), pids: Some(100), ..Limits::default() };
        let lines = lines(&limits, &Controller::ALL, &["8:0".into(), "8:16".into()]);
        let value = |file| lines.iter().find(|(name, _)| *name == file).map(|(_, value)| value.as_str());
        assert_eq!(value("memory.max"), Some("536870912"));
        assert_eq!(value("memory.swap.max"), Some("max"));
        assert_eq!(value("cpu.max"), Some("150000 100000"));
        assert_eq!(value("pids.max"), Some("100"));
        let io: Vec<_> = lines.iter().filter(|(name, _)| *name == "io.max").map(|(_, value)| value.as_str()).collect();
        assert_eq!(io, ["8:0 rbps=max wbps=max", "8:16 rbps=max wbps=max"]);
    }

    #[test]
    fn a_controller_that_is_not_there_has_no_file() {
        let limits = Limits { memory: Some(Size(1 << 20)), cpus: Some(Cpus(1)), ..Limits::default() };
        assert_eq!(lines(&limits, &[Controller::Cpu], &[]), [("cpu.max", "1000 100000".to_owned())]);
    }
}
