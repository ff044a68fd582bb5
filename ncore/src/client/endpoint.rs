//! Where a hardserver listens (PROTOCOL section 2.1).

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a hardserver, or of its privileged side: two sockets of one server differ in what they allow.
///
/// The text form, which `Display` gives and `FromStr` reads, is `unix:PATH` or `tcp:HOST:PORT`; a text without either
/// prefix is a path, as `NFAST_SERVER` has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The path of a Unix socket. Connecting fails on systems without them.
    Unix(PathBuf),
    /// `HOST:PORT`; an IPv6 address stands in brackets.
    Tcp(String),
}

impl Endpoint {
    /// The ordinary endpoint as the values of `NFAST_SERVER` and `NFAST_SERVER_PORT` give it; the first wins, and the
    /// installation's default stands behind both. The port is one of this host. An empty value counts as none.
    ///
    /// # Errors
    /// A value that makes no sense.
    pub fn ordinary(server: Option<&str>, port: Option<&str>) -> Result<Self, EndpointError> {
        Self::from_settings(server, port, Self::default_ordinary)
    }

    /// The privileged endpoint as the values of `NFAST_PRIVSERVER` and `NFAST_SERVER_PRIVPORT` give it, by the rules
    /// of [`Endpoint::ordinary`].
    ///
    /// # Errors
    /// A value that makes no sense.
    pub fn privileged(server: Option<&str>, port: Option<&str>) -> Result<Self, EndpointError> {
        Self::from_settings(server, port, Self::default_privileged)
    }

    /// The installation's default: a Unix socket, or port 9000 of this host where there are none.
    pub fn default_ordinary() -> Self {
        if cfg!(unix) {
            Self::Unix("/opt/nfast/sockets/nserver".into())
        } else {
            Self::Tcp("127.0.0.1:9000".into())
        }
    }

    /// The installation's default for privileged connections: a Unix socket, or port 9001 of this host.
    pub fn default_privileged() -> Self {
        if cfg!(unix) {
            Self::Unix("/opt/nfast/sockets/priv/privnserver".into())
        } else {
            Self::Tcp("127.0.0.1:9001".into())
        }
    }

    fn from_settings(
        server: Option<&str>,
        port: Option<&str>,
        default: fn() -> Self,
    ) -> Result<Self, EndpointError> {
        let given =
            |value: Option<&'_ str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
        match (given(server), given(port)) {
            (Some(server), _) => server.parse(),
            (None, Some(port)) => match parse_port(&port) {
                Some(number) => Ok(Self::Tcp(format!("127.0.0.1:{number}"))),
                None => Err(EndpointError::Port(port)),
            },
            (None, None) => Ok(default()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if let Some(address) = text.strip_prefix("tcp:") {
            return parse_address(address)
                .ok_or_else(|| EndpointError::Address(address.to_owned()));
        }
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if path.is_empty() {
            Err(EndpointError::Empty)
        } else if path.starts_with(r"\\.\pipe\") {
            Err(EndpointError::NamedPipe(path.to_owned()))
        } else {
            Ok(Self::Unix(path.into()))
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

/// A text that is not the address of a hardserver: a fault of whoever wrote the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// There is no path.
    #[error("the hardserver's address is empty")]
    Empty,
    /// Not a host and a port.
    #[error("{0:?} is not HOST:PORT with a port from 1 to 65535")]
    Address(String),
    /// Not a port.
    #[error("{0:?} is not a port from 1 to 65535")]
    Port(String),
    /// A Windows pipe, which this library does not speak.
    #[error("{0:?} is a named pipe; use tcp:HOST:PORT")]
    NamedPipe(String),
}

fn parse_address(address: &str) -> Option<Endpoint> {
    let (host, port) = address.rsplit_once(':')?;
    let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    let is_host = !host.is_empty() && (bracketed || !host.contains([':', '[', ']', '/']));
    (is_host && parse_port(port).is_some()).then(|| Endpoint::Tcp(address.to_owned()))
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed_in_one_form() {
        for (text, expected) in [
            ("/run/nserver", Endpoint::Unix("/run/nserver".into())),
            ("unix:/run/nserver", Endpoint::Unix("/run/nserver".into())),
            ("tcp:localhost:9000", Endpoint::Tcp("localhost:9000".into())),
            ("tcp:[::1]:9000", Endpoint::Tcp("[::1]:9000".into())),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint, expected);
            assert_eq!(endpoint.to_string().parse(), Ok(expected));
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        let address = |text: &str| Err(EndpointError::Address(text.into()));
        for (text, expected) in [
            ("", Err(EndpointError::Empty)),
            ("unix:", Err(EndpointError::Empty)),
            ("tcp:", address("")),
            ("tcp:9000", address("9000")),
            ("tcp::9000", address(":9000")),
            ("tcp:host:0", address("host:0")),
            ("tcp:host:+1", address("host:+1")),
            ("tcp:host:65536", address("host:65536")),
            ("tcp:::1:9000", address("::1:9000")),
            (
                r"\\.\pipe\crypto",
                Err(EndpointError::NamedPipe(r"\\.\pipe\crypto".into())),
            ),
        ] {
            assert_eq!(text.parse::<Endpoint>(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_socket_setting_wins_over_the_port_and_both_over_the_default() {
        let unix = Endpoint::Unix("/run/n".into());
        assert_eq!(Endpoint::ordinary(Some("/run/n"), Some("9000")), Ok(unix));
        let tcp = Endpoint::Tcp("127.0.0.1:9444".into());
        assert_eq!(Endpoint::privileged(Some(""), Some("9444")), Ok(tcp));
        assert_eq!(
            Endpoint::ordinary(None, None),
            Ok(Endpoint::default_ordinary())
        );
        assert_eq!(
            Endpoint::privileged(None, Some("no")),
            Err(EndpointError::Port("no".into()))
        );
    }
}
