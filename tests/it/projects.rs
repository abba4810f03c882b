//! The example projects of `tests/projects`: from a fresh clone to a passing task by one command, and fast the next time.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::debian::with_proxies;
use crate::support::{Run, TestEnvironment, requires, source_dir};

/// What the second run may take. Making a box anew takes tens of seconds, the tests of the slowest of the three six.
const AGAIN: Duration = Duration::from_secs(30);

/// Certificates of further authorities, and the registry: the machine's, not the project's, so by the environment.
const CERTIFICATES: &str = "NODE_EXTRA_CA_CERTS";
const REGISTRY: &str = "npm_config_registry";

/// A user who has just cloned a project.
struct Cloned {
    env: TestEnvironment,
    name: &'static str,
}

impl Cloned {
    fn new(name: &'static str) -> Self {
        let clone = Self { env: TestEnvironment::new(), name };
        let from = source_dir().join("tests/projects").join(name);
        let copied = Command::new("cp").arg("-r").arg(from).arg(clone.env.path("home")).status().unwrap();
        assert!(copied.success());
        clone
    }

    fn task(&self) -> Run<'_> {
        let root = self.env.path("home").join(self.name);
        let run = with_proxies(self.env.envbox(["task", "test", "--yes"]).dir(&root));
        let run = std::env::var(REGISTRY).into_iter().fold(run, |run, url| run.env(REGISTRY, url));
        // The box has no file of the host's but the project's.
        let here = root.join("authorities.pem");
        let given = std::env::var_os(CERTIFICATES).filter(|file| Path::new(file).exists());
        given.into_iter().fold(run, |run, file| {
            fs::copy(file, &here).unwrap();
            run.env(CERTIFICATES, &here)
        })
    }

    /// Runs the task twice, and wants these words of the tests' own report each time.
    fn passes(&self, words: &str) {
        let first = self.task().succeeds();
        assert!(first.stdout.contains(words), "{first:?}");
        assert!(first.stderr.contains("[1/1] packages: "), "{}", first.stderr);
        let begun = Instant::now();
        let again = self.task().succeeds();
        assert!(again.stdout.contains(words), "{again:?}");
        assert!(!again.stderr.contains("[1/"), "nothing is built again: {}", again.stderr);
        assert!(begun.elapsed() < AGAIN, "{:?}: {}", begun.elapsed(), again.stderr);
    }
}

#[test]
fn a_rust_project_with_a_library_of_the_system() {
    requires!(userns, subid, overlay, net);
    Cloned::new("rust").passes("test result: ok. 1 passed");
}

#[test]
fn a_python_project_with_a_server_of_its_own() {
    requires!(userns, subid, overlay, net);
    let clone = Cloned::new("python");
    clone.passes("1 passed");
    let root = clone.env.path("home/python");
    let services = clone.env.envbox(["ps", "--json"]).dir(&root).succeeds().stdout;
    assert!(services.contains("\"ready\""), "{services}");
    clone.env.envbox(["down"]).dir(&root).succeeds();
}

#[test]
fn a_node_project_with_packages_from_npm() {
    requires!(userns, subid, overlay, net);
    Cloned::new("node").passes("# pass 1");
}
