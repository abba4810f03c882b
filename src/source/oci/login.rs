//! Who one is to a registry.

use std::fmt;

/// A secret for a registry. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password, or a token in its place.
        secret: String,
    },
    /// A refresh token (distribution's token/oauth.md), which the registry's token server takes for access tokens.
    Identity(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => f.debug_struct("Password").field("user", user).finish_non_exhaustive(),
            Self::Identity(_) => f.write_str("Identity(..)"),
        }
    }
}
