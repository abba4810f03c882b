//! What a process may use by itself, put in force before it becomes a program of the box.

use std::io;

use crate::plan::Bounds;
use crate::sys::bound::{self, Resource};
use crate::sys::process::Pid;

/// Limits this process, and all that it will start. The result is what the user should know of it.
///
/// # Errors
/// setrlimit(2)'s, sched_setaffinity(2)'s.
pub fn apply(bounds: &Bounds) -> io::Result<Vec<String>> {
    if !bounds.processors.is_empty() {
        bound::set_processors(None, &bounds.processors)?;
    }
    let mut notes = Vec::new();
    for (resource, key, most) in resources(bounds) {
        let now = bound::limit(resource, most)?;
        if now < most {
            notes.push(format!("limits: {key}: {most} were asked for, and there are no more than {now} to be had"));
        }
    }
    Ok(notes)
}

/// Limits processes that run already, and says for how many of them something could not be changed: what a process is limited
/// to, nobody but the machine's root can raise.
pub fn apply_to(pids: &[Pid], bounds: &Bounds) -> usize {
    let resources = resources(bounds);
    let one = |&&pid: &&Pid| {
        let refused = resources.iter().filter(|(resource, _, most)| match bound::limit_other(pid, *resource, *most) {
            // One that has ended is one less to be limited.
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
            Ok(()) => false,
        });
        refused.count() > 0
    };
    pids.iter().filter(one).count()
}

fn resources(bounds: &Bounds) -> Vec<(Resource, &'static str, u64)> {
    let all = [
        (Resource::Data, "memory", bounds.memory),
        (Resource::Nproc, "pids", bounds.pids),
        (Resource::Nofile, "nofile", bounds.nofile),
    ];
    all.into_iter().filter_map(|(resource, key, most)| Some((resource, key, most?))).collect()
}

/// Lets all threads of processes that run already use these processors only.
pub fn move_to(pids: &[Pid], processors: &[u32]) {
    for pid in pids {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let threads = tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).map(Pid::from_raw);
        // One that has ended uses none.
        threads.for_each(|thread| drop(bound::set_processors(Some(thread), processors)));
    }
}
