//! One row of the doctor's.

use serde::Serialize;

use crate::ui::{Cell, Style};

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It is there and works.
    Ok,
    /// envbox can do without, or with less.
    Warning,
    /// envbox cannot do without.
    Missing,
}

impl State {
    pub(super) fn cell(self) -> Cell {
        match self {
            Self::Ok => Cell::new("ok", Style::Good),
            Self::Warning => Cell::new("warning", Style::Warning),
            Self::Missing => Cell::new("missing", Style::Bad),
        }
    }
}

/// What was tried and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: State,
    /// What was found.
    pub(super) detail: String,
    /// The line, or lines, that mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Check {
    pub(super) fn new(name: &'static str, state: State, detail: impl Into<String>) -> Self {
        Self { name, state, detail: detail.into(), fix: None }
    }

    pub(super) fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, State::Ok, detail)
    }

    pub(super) fn warning(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, State::Warning, detail)
    }

    pub(super) fn missing(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, State::Missing, detail)
    }

    pub(super) fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// An error and its causes, in one line.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
