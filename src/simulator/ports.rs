//! Which server listens on which port.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::error::SimulatorError;

/// Ports by server name; a server that is not named gets a free port.
///
/// # Examples
///
/// ```
/// use greenroom::simulator::Ports;
///
/// let ports: Ports = "mezon=7350,control=0".parse()?;
/// assert_eq!(ports.of("mezon"), 7350);
/// assert_eq!(ports.of("other"), 0);
/// # Ok::<(), greenroom::simulator::SimulatorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports(BTreeMap<String, u16>);

impl Ports {
    /// Sets the port of a server; 0 means any free port.
    #[must_use]
    pub fn with(mut self, name: &str, port: u16) -> Self {
        self.0.insert(name.to_owned(), port);
        self
    }

    /// Returns the port of a server, 0 if it was not set.
    #[must_use]
    pub fn of(&self, name: &str) -> u16 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Checks that every name is one of `known`.
    ///
    /// # Errors
    ///
    /// Fails with the first name that is not, and the list of those that are.
    pub fn check(&self, known: &[&str]) -> Result<(), SimulatorError> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(SimulatorError::Ports(format!(
                "unknown server \"{name}\", known are {}",
                known.join(", ")
            ))),
        }
    }
}

impl FromStr for Ports {
    type Err = SimulatorError;

    fn from_str(text: &str) -> Result<Self, SimulatorError> {
        let mut ports = Self::default();
        for pair in text
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let fault = |what: &str| SimulatorError::Ports(format!("\"{pair}\": {what}"));
            let (name, port) = pair
                .split_once('=')
                .ok_or_else(|| fault("write NAME=PORT, e.g. mezon=0"))?;
            let port = port
                .trim()
                .parse()
                .map_err(|_| fault("the port must be a number from 0 to 65535"))?;
            if ports.0.insert(name.trim().to_owned(), port).is_some() {
                return Err(fault("the server is named twice"));
            }
        }
        Ok(ports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_say_what_is_wrong() {
        for (text, part) in [
            ("mezon", "write NAME=PORT"),
            ("mezon=x", "from 0 to 65535"),
            ("mezon=70000", "from 0 to 65535"),
            ("mezon=1,mezon=2", "twice"),
        ] {
            let error = text.parse::<Ports>().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = Ports::default()
            .with("mezn", 1)
            .check(&["mezon", "control"]);
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("known are mezon, control")
        );
    }

    #[test]
    fn an_empty_list_is_fine() {
        assert_eq!("".parse::<Ports>().unwrap(), Ports::default());
        assert_eq!(" mezon = 1 ,".parse::<Ports>().unwrap().of("mezon"), 1);
    }
}
