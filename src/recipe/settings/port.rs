//! Ports of a box that the host answers on.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::schema;

/// A port of the host that leads to one of the box: `8080:80`, `127.0.0.1:8080:80`, `53:53/udp`, `8080` for the same on
/// both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("type" = ["string", "integer"], "pattern" = schema::PORT, "examples" = ["8080:80", "127.0.0.1:8080:80", "53:53/udp"]))]
pub struct Port {
    /// The host's address; all of them where it is not given.
    pub address: Option<IpAddr>,
    /// The host's port.
    pub host: u16,
    /// The box's port.
    pub inside: u16,
    /// Which of the two protocols that have ports.
    pub protocol: Protocol,
}

/// A protocol that has ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// The text is not a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a port: [ADDRESS:][HOST:]BOX[/tcp|/udp], as in `8080:80`", .0.escape_debug())]
pub struct ParsePortError(String);

impl FromStr for Port {
    type Err = ParsePortError;

    fn from_str(text: &str) -> Result<Self, ParsePortError> {
        parse(text).ok_or_else(|| ParsePortError(text.chars().take(80).collect()))
    }
}

fn parse(text: &str) -> Option<Port> {
    let (ports, protocol) = match text.split_once('/') {
        None | Some((_, "tcp")) => (text.trim_end_matches("/tcp"), Protocol::Tcp),
        Some((ports, "udp")) => (ports, Protocol::Udp),
        Some(_) => return None,
    };
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0 && !text.starts_with('+'));
    let (rest, inside) = match ports.rsplit_once(':') {
        Some((rest, inside)) => (Some(rest), number(inside)?),
        None => (None, number(ports)?),
    };
    let Some(rest) = rest else { return Some(Port { address: None, host: inside, inside, protocol }) };
    let (address, host) = match rest.rsplit_once(':') {
        Some((address, host)) => {
            let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
            (Some(bare.parse().ok()?), number(host)?)
        }
        None => (None, number(rest)?),
    };
    Some(Port { address, host, inside, protocol })
}

impl TryFrom<String> for Port {
    type Error = ParsePortError;

    fn try_from(text: String) -> Result<Self, ParsePortError> {
        text.parse()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Some(address) => write!(f, "{address}:")?,
            None => {}
        }
        write!(f, "{}:{}", self.host, self.inside)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

impl From<Port> for String {
    fn from(port: Port) -> Self {
        port.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_as_people_write_them() {
        for (text, shown) in [
            ("80", "80:80"),
            ("8080:80", "8080:80"),
            ("8080:80/tcp", "8080:80"),
            ("53:5353/udp", "53:5353/udp"),
            ("127.0.0.1:8080:80", "127.0.0.1:8080:80"),
            ("[::1]:8080:80", "[::1]:8080:80"),
        ] {
            assert_eq!(text.parse::<Port>().unwrap().to_string(), shown);
        }
        for bad in ["", "0", "x", "80:", ":80", "70000", "1:2:3:4", "80/sctp", "+80", "localhost:1:2"] {
            assert!(bad.parse::<Port>().is_err(), "{bad}");
        }
    }
}
