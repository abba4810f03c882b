//! Proxies, as the environment gives them.

use super::Fault;

/// The proxies to use. Plain data: `host` reads the environment, and this only says which variables mean what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For http URLs.
    pub http: Option<String>,
    /// For https URLs.
    pub https: Option<String>,
    /// Hosts, domains and networks to reach directly: comma-separated, as curl(1) has it.
    pub except: String,
}

impl Proxies {
    /// From the customary variables (curl(1), ENVIRONMENT). `HTTP_PROXY` in capitals does not count: in a CGI program it
    /// is a header of the client's (CVE-2016-5385).
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| var(name).filter(|value| !value.trim().is_empty()));
        Self {
            http: first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            except: first(&["no_proxy", "NO_PROXY"]).unwrap_or_default(),
        }
    }

    /// The same for the client.
    pub(super) fn build(&self) -> Result<Vec<reqwest::Proxy>, Fault> {
        let except = || reqwest::NoProxy::from_string(&self.except);
        let make = |value: &Option<String>, build: fn(String) -> reqwest::Result<reqwest::Proxy>| {
            value.as_ref().map(|proxy| {
                let with_scheme = if proxy.contains("://") { proxy.clone() } else { format!("http://{proxy}") };
                match build(with_scheme) {
                    Ok(built) => Ok(built.no_proxy(except())),
                    Err(source) => Err(Fault::Proxy { proxy: proxy.clone(), source }),
                }
            })
        };
        [make(&self.http, reqwest::Proxy::http), make(&self.https, reqwest::Proxy::https)]
            .into_iter()
            .flatten()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(vars: &[(&str, &str)]) -> Proxies {
        Proxies::from_vars(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_customary_variables() {
        assert_eq!(from(&[]), Proxies::default());
        assert_eq!(from(&[("HTTP_PROXY", "http://evil:1")]), Proxies::default());
        let all = from(&[("all_proxy", "p:1"), ("HTTPS_PROXY", "q:2"), ("NO_PROXY", "localhost,.lan")]);
        assert_eq!(all.http.as_deref(), Some("p:1"));
        assert_eq!(all.https.as_deref(), Some("q:2"));
        assert_eq!(all.except, "localhost,.lan");
    }

    #[test]
    fn a_bare_host_and_port_will_do() {
        assert_eq!(from(&[("http_proxy", "proxy.lan:3128")]).build().unwrap().len(), 1);
        assert!(matches!(from(&[("http_proxy", "http://[")]).build(), Err(Fault::Proxy { .. })));
    }
}
