//! Python: a virtual environment in the project, filled as its files say.

use super::{Files, add_task, add_test};
use crate::import::Draft;

/// A file, Debian's package of the program that reads it, and the line that installs what it asks for.
const MANAGERS: &[(&str, &[&str], &str)] = &[
    ("poetry.lock", &["python3-poetry"], "poetry install"),
    ("Pipfile", &["pipenv"], "pipenv install --dev"),
    ("requirements.txt", &[], "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"),
    ("pyproject.toml", &[], "python3 -m venv .venv && .venv/bin/pip install -e ."),
    ("setup.py", &[], "python3 -m venv .venv && .venv/bin/pip install -e ."),
];

/// Distributions of Python's that are built against a library of the system's.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("psycopg2", &["libpq-dev"]),
    ("mysqlclient", &["default-libmysqlclient-dev", "pkg-config"]),
    ("lxml", &["libxml2-dev", "libxslt1-dev"]),
    ("python-ldap", &["libldap-dev", "libsasl2-dev"]),
    ("pycairo", &["libcairo2-dev", "pkg-config"]),
    ("xmlsec", &["libxmlsec1-dev", "pkg-config"]),
];

/// What the project's files say of its packages and its tests.
pub(super) fn more(_: &str, files: &Files<'_>, draft: &mut Draft) {
    let Some((_, packages, install)) = MANAGERS.iter().find(|(file, ..)| files.has(file)) else { return };
    draft.add_packages(["ca-certificates"]);
    draft.add_packages(*packages);
    add_task(draft, "install", install);
    let texts: Vec<String> = MANAGERS.iter().filter_map(|(file, ..)| files.text(file)).collect();
    let mut names = Vec::new();
    for text in &texts {
        match text.parse::<toml::Table>() {
            Ok(table) => strings(&toml::Value::Table(table), &mut names),
            Err(_) => names.extend(text.lines().map(|line| asked(line).to_owned())),
        }
    }
    let asks = |name: &str| names.iter().any(|known| known == name);
    for (name, packages) in LIBRARIES {
        if asks(name) {
            draft.add_packages(*packages);
        }
    }
    let run = match install.split(' ').next() {
        Some("poetry") => "poetry run ",
        Some("pipenv") => "pipenv run ",
        _ => ".venv/bin/",
    };
    let tests = texts.iter().any(|text| text.contains("pytest")) || files.has("pytest.ini") || files.has("tox.ini");
    let tester = if tests { "pytest" } else { "python -m unittest" };
    add_test(draft, &format!("{run}{tester}"), install);
    if files.has("manage.py") {
        add_task(draft, "run", &format!("{run}python manage.py runserver"));
    }
}

/// The distributions that a table may name: keys, and what texts begin with.
fn strings(value: &toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::String(text) => found.push(asked(text).to_owned()),
        toml::Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        toml::Value::Table(table) => {
            for (key, value) in table {
                found.push(key.clone());
                strings(value, found);
            }
        }
        _ => {}
    }
}

/// The distribution that a line of requirements names: `psycopg2[c]>=2.9`, `"lxml == 5"`, `lxml = "^5"`.
fn asked(line: &str) -> &str {
    let line = line.trim_start_matches([' ', '\t', '"', '\'', '-']);
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(line.len());
    &line[..end]
}
