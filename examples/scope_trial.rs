//! Trial.
use envbox::host::Host;
use envbox::limits::{Controller, Ground, systemd};
use envbox::sys::process::{self, Fork, SingleThread};
fn child(proof: &SingleThread) -> process::Pid {
    match process::fork(proof).unwrap() {
        Fork::Child => process::finish(|| {
            std::thread::park_timeout(std::time::Duration::from_secs(20));
            0
        }),
        Fork::Parent(pid) => pid,
    }
}
fn main() {
    let host = Host::probe().unwrap();
    let facts = host.cgroups();
    println!("{facts:#?}");
    let ground = Ground::find(&host);
    println!("{ground:#?}");
    let Some(manager) = facts.manager else { return };
    let proof = SingleThread::prove().unwrap();
    let pid = child(&proof);
    let unit = "envbox-trial.abcdef01.scope";
    let at = std::time::Instant::now();
    let dir = systemd::start_scope(&proof, &manager, unit, "the box trial", pid);
    println!("{:?} {dir:?}", at.elapsed());
    SingleThread::prove().unwrap();
    let other = child(&proof);
    println!("second: {}", systemd::start_scope(&proof, &manager, unit, "the box trial", other).unwrap_err());
    let dir = dir.unwrap();
    let ground = ground.unwrap().of_unit(&dir);
    println!("{ground:?}");
    println!("enabled {:?}", ground.enable(&Controller::ALL));
    println!(
        "{:?} {:?}",
        std::fs::read_to_string(dir.join("cgroup.subtree_control")),
        std::fs::read_dir(&dir).unwrap().flatten().filter(|e| e.path().is_dir()).map(|e| e.path()).collect::<Vec<_>>()
    );
    std::fs::create_dir_all(dir.join("box/payload")).unwrap();
    println!("direct {:?}", std::fs::write(dir.join("box/payload/cgroup.procs"), other.to_string()));
    let at = std::time::Instant::now();
    println!("attach {:?} {:?}", systemd::attach(&proof, &manager, unit, "/box/payload", other), at.elapsed());
    println!("{:?}", envbox::host::group_of(other));
    println!("attach bad {:?}", systemd::attach(&proof, &manager, "nothere.scope", "/box/payload", other));
    std::fs::write(dir.join("cgroup.kill"), "1").unwrap();
}
