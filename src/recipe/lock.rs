//! `envbox.lock`: exactly what a project's box is made of.

/// What a recipe was resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {}
