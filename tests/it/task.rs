//! `envbox task`: order, arguments, statuses, and what a task has around it.

use std::fs;

use serde_json::json;

use crate::project::Project;
use crate::support::{Pty, envbox, requires};

#[test]
fn what_a_task_needs_comes_first_and_once() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\ntasks:\n  all: {run: echo all, needs: [test, lint]}\n  test: {run: echo test, needs: [build]}\n  \
         lint: {run: echo lint, needs: [build]}\n  build: echo build\n  gather: {needs: [lint]}\n  other: echo other\n",
    );
    let all = project.envbox(&["task", "--yes", "all"]).succeeds();
    assert_eq!(all.stdout, "build\ntest\nlint\nall\n");
    let told: Vec<&str> = all.stderr.lines().filter(|line| line.starts_with("task ")).collect();
    assert_eq!(told, ["task build", "task test", "task lint"]);
    let quiet = project.envbox(&["task", "--quiet", "gather"]).succeeds();
    assert_eq!((&*quiet.stdout, &*quiet.stderr), ("build\nlint\n", ""));
}

#[test]
fn what_cannot_be_ordered_is_named_before_anything_runs() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\ntasks: {a: {run: echo a, needs: [b]}, b: {needs: [c]}, c: {needs: [b]}, test: 'true'}\n",
    );
    let error = |name: &str| project.envbox(&["task", "--yes", name]).exits(125);
    let cycle = error("a");
    assert!(cycle.stderr.contains("the tasks need one another: b -> c -> b"), "{}", cycle.stderr);
    assert_eq!(cycle.stdout, "");
    project.write("from: ./a.tar\ntasks: {test: 'true'}\n");
    let unknown = error("tset").stderr;
    assert!(unknown.contains("there is no task `tset`; `test` is"), "{unknown}");
    assert_eq!(project.names(), [""; 0], "no box was made for it");
}

#[test]
fn arguments_arrive_byte_for_byte() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\ntasks:\n  words: [printf, '<%s>']\n  line: \"printf '<%s>'\"\n  first: \"printf '<%s>' \\\"$2\\\"\"\n  \
         quoted: \"echo a b | awk '{printf $2}'; printf '<%s>'\"\n",
    );
    project.envbox(&["create", "--yes"]).succeeds();
    let odd = ["a b", "", "$x `y` \"q\" 'r'\n\\", "-n", "ü"];
    let run = |task: &str| project.envbox(&["task", task, "--"]).args(odd).succeeds().stdout;
    let all = "<a b><><$x `y` \"q\" 'r'\n\\><-n><ü>";
    assert_eq!(run("words"), all);
    assert_eq!(run("line"), all);
    assert_eq!(run("first"), "<>");
    assert_eq!(run("quoted"), format!("b{all}"));
}

#[test]
fn statuses_are_passed_through() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\ntasks:\n  seven: 'exit 7'\n  killed: 'kill -9 $$'\n  early: 'false; echo no'\n  nothing: [no-such-program]\n  \
         after: {run: echo after, needs: [seven]}\n  then: {run: echo then, needs: [killed]}\n",
    );
    project.envbox(&["create", "--yes"]).succeeds();
    for (task, status) in [("seven", 7), ("killed", 137), ("early", 1), ("nothing", 127), ("after", 7), ("then", 137)] {
        let outcome = project.envbox(&["task", task]).exits(status);
        assert_eq!(outcome.stdout, "", "{task}");
    }
}

#[test]
fn a_task_has_its_own_environment_user_and_place() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\nenv: {A: recipe, B: recipe}\ntasks:\n  env: {run: 'echo $A $B', env: {A: task}}\n  \
         user: {run: id -u, user: root}\n  me: id -u\n  here: pwd\n  sub: {run: pwd, workdir: sub}\n  gone: {run: pwd, workdir: gone}\n",
    );
    fs::create_dir(project.root.join("sub")).unwrap();
    project.envbox(&["create", "--yes"]).succeeds();
    let run = |task: &str| project.envbox(&["task", task]).dir(project.root.join("sub")).succeeds().stdout;
    assert_eq!(run("env"), "task recipe\n");
    assert_eq!(run("user"), "0\n");
    assert_eq!(run("me"), format!("{}\n", rustix::process::getuid().as_raw()));
    assert_eq!(run("here"), "$ENV/home/hello\n");
    assert_eq!(run("sub"), "$ENV/home/hello/sub\n");
    let gone = project.envbox(&["task", "gone"]).exits(127).stderr;
    assert!(gone.contains("hello/gone"), "{gone}");
}

#[test]
fn a_variant_has_its_own_tasks_and_all_are_listed() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\ntasks: {test: {run: echo plain, about: Test it, needs: [x]}, x: 'true'}\n\
         services: {db: sleep 1}\nvariants: {ci: {tasks: {test: {run: echo ci, services: [db]}}}}\n",
    );
    let json: serde_json::Value =
        serde_json::from_slice(&project.envbox(&["task", "--json"]).succeeds().bytes).unwrap();
    let row = json!({"name": "test", "about": "Test it", "needs": ["x"], "services": []});
    assert_eq!(json[0], row);
    assert_eq!(
        project.envbox(&["task", "--list"]).succeeds().stdout,
        "TASK  ABOUT    NEEDS\ntest  Test it  x\nx     true\n"
    );
    let ci = project.envbox(&["task", "--list", "--variant", "ci"]).succeeds().stdout;
    assert!(ci.contains("test  echo ci  db"), "{ci}");
}

#[test]
fn services_of_a_task_are_up_before_it_and_after_it() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\ntasks: {t: {run: cat /tmp/up -, services: [db]}}\n\
         services: {db: {run: 'sleep 0.3; echo up > /tmp/up; exec sleep 1000', ready: {file: /tmp/up}}}\n",
    );
    let run = || project.envbox(&["task", "--yes", "t"]).stdin("input").succeeds();
    assert_eq!(run().stdout, "up\ninput");
    let again = run();
    assert!(!again.stderr.contains("starting"), "{}", again.stderr);
    project.envbox(&["down"]).succeeds();
}

#[test]
fn an_interrupt_reaches_a_dependency_and_ends_all() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\ntasks:\n  slow: 'trap \"echo got it; exit 9\" INT; echo ready; sleep 100 & wait'\n  \
         after: {run: echo after, needs: [slow]}\n",
    );
    project.envbox(&["create", "--yes"]).succeeds();
    let mut command = project.env.command(envbox());
    command.args(["task", "after"]).current_dir(&project.root);
    let mut pty = Pty::spawn(&command);
    pty.expect("ready");
    pty.send("\u{3}");
    let (status, rest) = pty.wait();
    assert!(rest.contains("got it") && !rest.contains("after\r\n"), "{rest}");
    assert_eq!(status.code(), Some(9));
}
