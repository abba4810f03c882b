//! Relations between packages (Debian policy, section 7.1): `a (>= 1) | b, c:any`.

use std::str::FromStr as _;

use debversion::Version;

/// How a version must compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Earlier,
    EarlierOrEqual,
    Equal,
    LaterOrEqual,
    Later,
}

/// One alternative of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relation<'a> {
    pub(super) name: &'a str,
    pub(super) version: Option<(Operator, &'a str)>,
    /// As it is written.
    pub(super) text: &'a str,
}

impl<'a> Relation<'a> {
    /// `name[:arch] [(operator version)] [[arch list]]`; the architecture parts only concern foreign architectures and
    /// source packages.
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (name, rest) = text.split_at(text.find([' ', '(', '[', '<']).unwrap_or(text.len()));
        let name = name.split_once(':').map_or(name, |(name, _)| name);
        let version = match rest.split_once('(') {
            None => None,
            Some((_, rest)) => Some(constraint(rest.split_once(')')?.0.trim())?),
        };
        (!name.is_empty()).then_some(Self { name, version, text })
    }

    /// Whether a package of this version will do.
    pub(super) fn accepts(&self, version: &str) -> bool {
        self.version.is_none_or(|(operator, wanted)| holds(version, operator, wanted))
    }

    /// Whether a virtual package will do, which may have a version: an unversioned one meets no constraint (policy 7.5).
    pub(super) fn accepts_provided(&self, version: Option<&str>) -> bool {
        self.version.is_none() || version.is_some_and(|version| self.accepts(version))
    }
}

fn constraint(text: &str) -> Option<(Operator, &str)> {
    let (operator, version) = text.split_at(text.find(|c| !matches!(c, '<' | '=' | '>'))?);
    let operator = match operator {
        "<<" => Operator::Earlier,
        "<=" | "<" => Operator::EarlierOrEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::LaterOrEqual,
        ">>" => Operator::Later,
        _ => return None,
    };
    Some((operator, version.trim()))
}

fn holds(version: &str, operator: Operator, wanted: &str) -> bool {
    let (Ok(version), Ok(wanted)) = (Version::from_str(version), Version::from_str(wanted)) else { return false };
    match operator {
        Operator::Earlier => version < wanted,
        Operator::EarlierOrEqual => version <= wanted,
        Operator::Equal => version == wanted,
        Operator::LaterOrEqual => version >= wanted,
        Operator::Later => version > wanted,
    }
}

/// The groups of a field, each a list of alternatives; `None` if the field is malformed.
pub(super) fn groups(field: &str) -> Option<Vec<Vec<Relation<'_>>>> {
    let groups = field.split(',').map(str::trim).filter(|group| !group.is_empty());
    groups.map(|group| group.split('|').map(Relation::parse).collect()).collect()
}

/// What a `Provides` field provides: name, and version if it has one.
pub(super) fn provided(field: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    field.split(',').filter_map(|item| {
        let relation = Relation::parse(item)?;
        Some((relation.name, relation.version.map(|(_, version)| version)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_alternatives() {
        let found = groups("libc6 (>= 2.36), a:any (<<2) | b [amd64],c(= 1:2-3) , ").unwrap();
        let parts = |group: &Vec<Relation<'static>>| group.iter().map(|r| (r.name, r.version)).collect::<Vec<_>>();
        let flat: Vec<_> = found.iter().map(parts).collect();
        let expected: [Vec<_>; 3] = [
            vec![("libc6", Some((Operator::LaterOrEqual, "2.36")))],
            vec![("a", Some((Operator::Earlier, "2"))), ("b", None)],
            vec![("c", Some((Operator::Equal, "1:2-3")))],
        ];
        assert_eq!(flat, expected);
        assert_eq!(groups("a (>= 1"), None);
        assert_eq!(groups("a (~ 1)"), None);
        assert_eq!(groups("a | | b"), None);
        assert_eq!(groups(""), Some(vec![]));
    }

    #[test]
    fn versions_compare_as_dpkg_does() {
        let relation = |text| groups(text).unwrap()[0][0];
        assert!(relation("a (>= 1.0~rc1)").accepts("1.0"));
        assert!(!relation("a (>= 1.0)").accepts("1.0~rc1"));
        assert!(relation("a (<< 1:0)").accepts("9"));
        assert!(relation("a (>> 2.36-9+deb12u1)").accepts("2.36-9+deb12u10"));
        assert!(relation("a (= 1.0)").accepts("1.0"));
        assert!(!relation("a (= 1.0)").accepts("1.0-1"));
        assert!(relation("a").accepts("anything"));
    }

    #[test]
    fn a_virtual_package_has_a_version_or_none() {
        let relation = |text| groups(text).unwrap()[0][0];
        assert!(relation("awk").accepts_provided(None));
        assert!(!relation("awk (>= 1)").accepts_provided(None));
        assert!(relation("awk (>= 1)").accepts_provided(Some("2")));
        assert_eq!(provided("awk, x (= 1.2)").collect::<Vec<_>>(), vec![("awk", None), ("x", Some("1.2"))]);
    }
}
