//! Servers in containers.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::found::Role;

const COMPOSE_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/test-servers.yml");

/// Containers of one run, gone with their data when dropped.
pub(crate) struct Containers {
    project: String,
}

impl Containers {
    pub(crate) fn engine_runs() -> bool {
        let ends_well = |arguments: &[&str]| {
            let mut command = Command::new("docker");
            let command = command.args(arguments).stdin(Stdio::null());
            let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            ended.is_ok_and(|it| it.success())
        };
        ends_well(&["info"]) && ends_well(&["compose", "version"])
    }

    /// Starts what is missing and waits until it is healthy.
    pub(crate) fn start(run_name: &str, missing: &[Role]) -> Result<Self, String> {
        let containers = Self {
            project: run_name.to_owned(),
        };
        let mut command = containers.compose();
        command.args(["up", "--detach", "--wait"]);
        command.args(missing.iter().map(|it| it.name()));
        let ended = command.stdout(Stdio::null()).status();
        match ended {
            Ok(status) if status.success() => Ok(containers),
            _ => Err("docker compose did not start the servers".to_owned()),
        }
    }

    pub(crate) fn url(&self, role: Role) -> Result<String, String> {
        let mut command = self.compose();
        let port = role.standard_port().to_string();
        let output = command.args(["port", role.name(), &port]).output();
        let output = output.map_err(|error| format!("docker: {error}"))?;
        let address = String::from_utf8_lossy(&output.stdout).trim().parse();
        let address = address.map_err(|_| "docker compose tells no address".to_owned())?;
        Ok(role.url(address))
    }

    fn compose(&self) -> Command {
        let mut command = Command::new("docker");
        let file = Path::new(COMPOSE_FILE);
        command.args(["compose", "--project-name", &self.project, "--file"]);
        command.arg(file).stdin(Stdio::null());
        command
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        let mut command = self.compose();
        // What is left is in the engine's own lists, by the name of the run.
        let _ = command.args(["down", "--volumes"]).status();
    }
}
