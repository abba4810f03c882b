//! Databases that a project's compose file runs, and a makefile's targets.

use std::collections::BTreeMap;

use super::{Detected, Files, add_task};
use crate::import::document::Node;
use crate::import::{Draft, Left, free_name, line, offline, service};
use crate::recipe::project::{Probe, Ready};

/// A database: words of images' names, Debian's packages, how it is run in the box, and its port.
struct Database {
    names: &'static [&'static str],
    packages: &'static [&'static str],
    /// What is run as root once, so that the service need not be root.
    setup: Option<&'static str>,
    run: &'static str,
    port: u16,
    env: &'static [(&'static str, &'static str)],
}

const FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

const DATABASES: &[Database] = &[
    Database {
        names: &["postgres", "postgis"],
        packages: &["postgresql"],
        // A cluster of the user's own in the project's home: the package's belongs to a user who does not log in.
        setup: Some("ln -sf /usr/lib/postgresql/*/bin/* /usr/local/bin/ && install -d -m 1777 /run/postgresql"),
        run: "[ -d ~/.postgres ] || initdb -D ~/.postgres -U postgres -A trust; exec postgres -D ~/.postgres -k /tmp",
        port: 5432,
        env: &[("PGHOST", "localhost"), ("PGUSER", "postgres")],
    },
    Database {
        names: &["redis", "valkey"],
        packages: &["redis-server"],
        setup: None,
        run: "exec redis-server --save '' --dir /tmp",
        port: 6379,
        env: &[],
    },
    Database {
        names: &["mysql", "mariadb"],
        packages: &["mariadb-server"],
        setup: None,
        run: "[ -d ~/.mariadb ] || mariadb-install-db --no-defaults --datadir=$HOME/.mariadb --auth-root-authentication-method=normal; \
              exec mariadbd --no-defaults --datadir=$HOME/.mariadb --socket=/tmp/mysqld.sock --bind-address=127.0.0.1",
        port: 3306,
        env: &[("MYSQL_HOST", "127.0.0.1")],
    },
    Database {
        names: &["memcached"],
        packages: &["memcached"],
        setup: None,
        run: "exec memcached -l 127.0.0.1",
        port: 11211,
        env: &[],
    },
    Database {
        names: &["rabbitmq"],
        packages: &["rabbitmq-server"],
        setup: None,
        run: "RABBITMQ_MNESIA_BASE=$HOME/.rabbitmq RABBITMQ_LOG_BASE=$HOME/.rabbitmq exec /usr/lib/rabbitmq/bin/rabbitmq-server",
        port: 5672,
        env: &[],
    },
];

/// Adds the databases of the project's compose file; what else it runs is listed.
pub(super) fn add(files: &Files<'_>, found: &mut Detected) {
    let Some(file) = FILES.into_iter().find(|file| files.has(file)) else { return };
    let Some(text) = files.text(file) else { return };
    let compose = match Node::parse(file, &text) {
        Ok(compose) => compose,
        Err(error) => return found.draft.left.push(Left::new(file, 0, "the file", error.to_string())),
    };
    for (key, node) in compose.entries().iter().filter(|(key, _)| key != "services") {
        let why = "services run in the project's box, with its network and its home";
        found.draft.left.push(Left::new(file, node.line, &format!("{key}: {}", node.brief()), why));
    }
    for (name, described) in compose.get("services").map(Node::entries).unwrap_or_default() {
        let image = described.get("image").and_then(Node::as_str).unwrap_or_default();
        let known = DATABASES.iter().find(|database| database.names.contains(&plain(image)));
        match known {
            Some(database) => {
                found.seen.push(format!("{} ({file})", database.names[0]));
                take(database, name, described, file, &mut found.draft);
            }
            None if image.is_empty() => {
                let why = "it is built from the project: a service of the recipe can run it";
                found.draft.left.push(Left::new(file, described.line, &format!("services.{name}"), why));
            }
            None => {
                let why = "envbox runs programs of the box, no further images: install it with `packages`";
                found.draft.left.push(Left::new(file, described.line, &format!("services.{name}: {image}"), why));
            }
        }
    }
}

/// The last part of an image's name, without tag and digest.
fn plain(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split(':').next().unwrap_or(last)
}

fn take(database: &Database, name: &str, described: &Node, file: &str, draft: &mut Draft) {
    draft.add_packages(database.packages);
    if let Some(step) =
        database.setup.filter(|step| !draft.recipe.setup.iter().any(|known| known.run.as_str() == *step))
    {
        draft.recipe.setup.push(offline(step));
    }
    let mut one = service(line(database.run));
    one.ready = Some(Ready { probe: Probe::Port(database.port), every: 1, within: 60 });
    draft.recipe.services.insert(free_name(&draft.recipe.services, name), one);
    let env: BTreeMap<_, _> =
        database.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    draft.recipe.env.extend(env);
    draft.notes.insert("services", "They live in the project's box: `envbox up` starts them.".to_owned());
    for (key, node) in described.entries() {
        let what = format!("services.{name}.{key}: {}", node.brief());
        draft.left.push(Left::new(file, node.line, &what, "it is Debian's own package, run as the recipe says"));
    }
}

/// Targets of a makefile that are tasks everywhere.
pub(super) fn makefile(text: &str, _: &Files<'_>, draft: &mut Draft) {
    for target in ["build", "test", "check", "lint", "run"] {
        if text.lines().any(|line| {
            line.strip_prefix(target).is_some_and(|rest| rest.trim_start().starts_with(':') && !rest.contains(":="))
        }) {
            add_task(draft, target, &format!("make {target}"));
        }
    }
}
