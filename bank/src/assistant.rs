//! Where the bank's pages look for the Online Banking Assistant.

/// The assistant's ports at 127.0.0.1 (docs/assistant.md), in the order in which a page tries them.
const USUAL: &str = "17320, 17321, 17322";

/// The ports that the pages try. The pages' policy names the same.
#[derive(Clone, Debug)]
pub(crate) struct AssistantPorts(String);

impl Default for AssistantPorts {
    fn default() -> Self {
        Self(USUAL.to_owned())
    }
}

impl AssistantPorts {
    /// One port instead of the usual ones, for several worlds on one machine.
    pub(crate) fn only(port: u16) -> Self {
        Self(port.to_string())
    }

    /// The origins, as a policy's `connect-src` has them.
    pub(crate) fn sources(&self) -> String {
        let sources: Vec<String> =
            self.0.split(", ").map(|port| format!("http://127.0.0.1:{port}")).collect();
        sources.join(" ")
    }

    /// The script of the pages, which tries these ports.
    pub(crate) fn script(&self) -> String {
        let script = include_str!("../assets/shield.js");
        script.replacen(&format!("const PORTS = [{USUAL}];"), &format!("const PORTS = [{}];", self.0), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_and_the_policy_name_the_same_ports() {
        let usual = AssistantPorts::default();
        assert_eq!(usual.script(), include_str!("../assets/shield.js"));
        assert_eq!(usual.sources(), "http://127.0.0.1:17320 http://127.0.0.1:17321 http://127.0.0.1:17322");
        let own = AssistantPorts::only(4711);
        assert!(own.script().contains("const PORTS = [4711];") && !own.script().contains("17320"));
        assert_eq!(own.sources(), "http://127.0.0.1:4711");
    }
}
