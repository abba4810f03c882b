//! Names of processor architectures.

/// A machine by the names that different worlds have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// As recipes name it: as Rust does, but for the byte order of POWER.
    pub name: &'static str,
    /// As Go and OCI images name it.
    pub oci: &'static str,
    /// As Debian and LXC image servers name it.
    pub debian: &'static str,
}

/// The machines that recipes can speak of.
pub const MACHINES: [Machine; 8] = [
    Machine { name: "x86_64", oci: "amd64", debian: "amd64" },
    Machine { name: "aarch64", oci: "arm64", debian: "arm64" },
    // ARM without an ABI in its name is taken for the hard-float one.
    Machine { name: "arm", oci: "arm", debian: "armhf" },
    Machine { name: "x86", oci: "386", debian: "i386" },
    Machine { name: "powerpc64le", oci: "ppc64le", debian: "ppc64el" },
    Machine { name: "riscv64", oci: "riscv64", debian: "riscv64" },
    Machine { name: "s390x", oci: "s390x", debian: "s390x" },
    Machine { name: "loongarch64", oci: "loong64", debian: "loong64" },
];

impl Machine {
    /// The machine of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        MACHINES.iter().find(|machine| machine.name == name)
    }

    /// The name of the machine that this program runs on; it may be none of [`MACHINES`].
    pub fn here() -> &'static str {
        match std::env::consts::ARCH {
            "powerpc64" if cfg!(target_endian = "little") => "powerpc64le",
            name => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_one_name_in_each_world() {
        assert_eq!(Machine::named("x86_64").map(|machine| machine.debian), Some("amd64"));
        assert_eq!(Machine::named("amd64"), None);
        assert!(Machine::named(Machine::here()).is_some(), "the tests run on a machine that is known");
    }
}
