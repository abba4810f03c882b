//! A lock and a recipe that part: what is said, what is asked, and what stays as it was.

use std::fs;

use super::Site;
use crate::support::{Pty, envbox};

const HERE: &str = if cfg!(target_arch = "x86_64") { "x86_64" } else { "aarch64" };

#[test]
fn each_machine_has_its_own_part() {
    let site = Site::new(&[("other", "2.0", "")]);
    site.envbox(&["lock"]).succeeds();
    let own = site.lock();
    site.change_lock(&format!("  {HERE}:\n"), "  riscv64:\n");
    let said = site.envbox(&["build"]).exits(125).stderr;
    assert!(said.contains(&format!("it is for riscv64, and this machine is {HERE}")), "{said}");
    assert!(said.contains("hint: envbox lock"), "{said}");
    assert_eq!(site.envbox(&["lock"]).succeeds().stdout, "main: tiny, 4 packages\n");
    let both = site.lock();
    assert!(both.contains("  riscv64:\n") && both.contains(&format!("  {HERE}:\n")), "{both}");
    assert_eq!(
        both.lines().count(),
        2 * own.lines().count() - own.lines().take_while(|l| *l != "machines:").count() - 1
    );
    // Whoever changes the recipe may have no such machine: it is said, and no failure.
    site.serve(&[("other", "2.0", ""), ("more", "2.0", "")]);
    site.project("other, more");
    site.envbox(&["lock"]).succeeds();
    let said = site.envbox(&["lock", "--check"]).succeeds().stderr;
    assert!(said.contains("on riscv64: ") && said.contains("package more is not locked"), "{said}");
}

#[test]
fn a_recipe_that_it_is_made_from_is_locked_with_it() {
    let site =
        Site::new(&[("other", "2.0", "Depends: shared"), ("shared", "2.0", ""), ("top", "2.0", "Depends: shared")]);
    fs::write(site.root.join("base.yaml"), "from: tiny\npackages: [other]\n").unwrap();
    fs::write(site.root.join("envbox.yaml"), "from: base.yaml\npackages: [top]\n").unwrap();
    assert_eq!(site.envbox(&["lock"]).succeeds().stdout, "main: base.yaml, 6 packages\n");
    let lock = site.lock();
    assert!(lock.contains("recipe:\n"), "{lock}");
    assert_eq!(lock.matches("name: shared").count(), 1, "the recipe below has it: {lock}");
    site.envbox(&["lock", "--check"]).succeeds();
    assert_eq!(site.envbox(&["lock"]).succeeds().stdout, "main: base.yaml, 6 packages, as before\n");
    fs::write(site.root.join("base.yaml"), "from: tiny\npackages: [other, needed]\n").unwrap();
    for words in [&["lock", "--check"][..], &["build"]] {
        let said = site.envbox(words).exits(125).stderr;
        assert!(said.contains("base.yaml: package needed is not locked"), "{said}");
    }
    fs::write(site.root.join("base.yaml"), "from: tiny\npackages: [other]\n").unwrap();
    site.serve(&[("other", "3.0", "Depends: shared"), ("shared", "3.0", ""), ("top", "3.0", "Depends: shared")]);
    let some = site.envbox(&["lock", "--upgrade", "other"]).succeeds().stdout;
    assert_eq!(some, "main: base.yaml, 6 packages, 1 change\n  ~ other 2.0 -> 3.0\n");
}

#[test]
fn what_is_new_is_locked_and_the_rest_stays() {
    let site = Site::new(&[("other", "2.0", ""), ("more", "2.0", "Depends: needed"), ("needed", "2.0", "")]);
    site.envbox(&["lock"]).succeeds();
    site.serve(&[("other", "3.0", ""), ("more", "3.0", "Depends: needed"), ("needed", "3.0", "")]);
    site.project("other, more");
    let said = site.envbox(&["lock"]).succeeds().stdout;
    assert_eq!(said, "main: tiny, 6 packages, 2 changes\n  + more 3.0\n  + needed 3.0\n");
    site.project("other");
    // Nobody knows any more what came along with it.
    assert_eq!(site.envbox(&["lock"]).succeeds().stdout, "main: tiny, 5 packages, 1 change\n  - more 3.0\n");
    site.envbox(&["lock", "--upgrade"]).succeeds();
    site.project("other, more");
    site.envbox(&["lock"]).succeeds();
    site.project("other");
    // While the archive is as it was, nothing has to stay.
    let said = site.envbox(&["lock"]).succeeds().stdout;
    assert_eq!(said, "main: tiny, 4 packages, 2 changes\n  - more 3.0\n  - needed 3.0\n");
}

#[test]
fn on_a_terminal_it_is_asked_whether_to_lock_what_is_new() {
    let site = Site::new(&[("other", "2.0", ""), ("more", "2.0", "")]);
    site.envbox(&["lock"]).succeeds();
    let old = site.lock();
    site.project("other, more");
    site.envbox(&["lock", "--check"]).exits(125);
    let ask = |words: &[&str], answer: &str| {
        let mut command = site.env.command(envbox());
        command.args(words).current_dir(&site.root).env("no_proxy", "127.0.0.1");
        let mut pty = Pty::spawn(&command);
        assert!(pty.expect("[y/N] ").contains("package more is not locked"));
        pty.send(answer);
        pty.wait()
    };
    let (status, said) = ask(&["build"], "n\r");
    assert_eq!((status.code(), site.lock()), (Some(125), old.clone()), "{said}");
    let (_, said) = ask(&["run", "--", "true"], "y\r");
    assert!(site.lock().contains("name: more"), "{said}");
    fs::write(site.root.join("envbox.lock"), old).unwrap();
    let mut command = site.env.command(envbox());
    command.args(["build", "--locked"]).current_dir(&site.root);
    let (status, said) = Pty::spawn(&command).wait();
    assert!(status.code() == Some(125) && said.contains("is not locked") && !said.contains("[y/N]"), "{said}");
}

#[test]
fn every_verb_that_makes_a_box_can_be_held_to_the_lock() {
    let site = Site::new(&[("other", "2.0", "")]);
    let recipe = "from: tiny\npackages: [other]\ntasks: {t: 'true'}\nservices: {s: {run: sleep 9}}\n";
    fs::write(site.root.join("envbox.yaml"), recipe).unwrap();
    let verbs: [&[&str]; 6] = [
        &["build", "--locked"],
        &["run", "--locked", "--", "true"],
        &["enter", "--locked"],
        &["create", "--locked"],
        &["task", "--locked", "t"],
        &["up", "--locked"],
    ];
    for verb in verbs {
        let said = site.envbox(verb).exits(125).stderr;
        assert!(said.contains("there is no envbox.lock in ") && said.contains("hint: envbox lock writes it"), "{said}");
    }
    site.envbox(&["lock"]).succeeds();
    // The server has nothing left, and what is compared is on the disk.
    site.files.lock().unwrap().clear();
    site.envbox(&["lock", "--check"]).succeeds();
    fs::write(site.root.join("envbox.yaml"), recipe.replace("other", "another")).unwrap();
    for verb in verbs {
        let said = site.envbox(verb).exits(125).stderr;
        assert!(said.contains("package another is not locked; package other is locked, and not asked for"), "{said}");
    }
}
