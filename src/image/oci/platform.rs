//! What a manifest of an index is for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An operating system and an architecture, by the names of Go (image-spec, image-index.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// `v7`, `v8`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// Linux on the architecture that Rust calls so ([`std::env::consts::ARCH`]).
    pub fn linux(arch: &str) -> Self {
        let (architecture, variant) = match arch {
            "x86_64" => ("amd64", None),
            "x86" => ("386", None),
            "aarch64" => ("arm64", Some("v8")),
            "arm" => ("arm", Some("v7")),
            "powerpc64" => ("ppc64le", None),
            "loongarch64" => ("loong64", None),
            other => (other, None),
        };
        Self { architecture: architecture.to_owned(), os: "linux".to_owned(), variant: variant.map(str::to_owned) }
    }

    /// How well what was built for `other` runs here; `None` where it does not. Higher is better.
    pub fn fitness(&self, other: &Self) -> Option<u8> {
        if self.os != other.os || self.architecture != other.architecture {
            return None;
        }
        match (self.variant.as_deref(), other.variant.as_deref()) {
            (ours, theirs) if ours == theirs => Some(3),
            // arm64 without a variant is v8, amd64 without one is the least.
            (_, None) | (None, Some("v1")) => Some(2),
            (Some("v7"), Some("v6" | "v5")) => Some(1),
            _ => None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        Platform { os: parts.next().unwrap(), architecture: parts.next().unwrap(), variant: parts.next() }
    }

    #[test]
    fn what_runs_where() {
        let fits = |here: &str, there: &str| platform(here).fitness(&platform(there));
        assert_eq!(fits("linux/amd64", "linux/amd64"), Some(3));
        assert_eq!(fits("linux/amd64", "linux/amd64/v3"), None);
        assert_eq!(fits("linux/amd64", "linux/arm64"), None);
        assert_eq!(fits("linux/amd64", "unknown/unknown"), None);
        assert!(fits("linux/arm/v7", "linux/arm/v7") > fits("linux/arm/v7", "linux/arm/v6"));
        assert_eq!(fits("linux/arm/v7", "linux/arm/v8"), None);
        assert_eq!(fits("linux/arm64/v8", "linux/arm64"), Some(2));
        assert_eq!(Platform::linux("aarch64").to_string(), "linux/arm64/v8");
    }
}
