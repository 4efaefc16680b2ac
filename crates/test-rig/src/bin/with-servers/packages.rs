//! Programs from the distribution.

use std::process::{Command, Stdio};

use test_rig::Servers;

/// The core package of the database installs no service.
const PACKAGES: [&str; 3] = ["mariadb-server-core", "rabbitmq-server", "redis-server"];

/// Installs what is missing, where this process may.
pub(crate) fn install_missing() -> Result<(), String> {
    let Err(missing) = Servers::programs() else {
        return Ok(());
    };
    if !may_install() {
        return Err(missing.to_string());
    }
    eprintln!("with-servers: installing {}", PACKAGES.join(" "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        ended.is_ok_and(|it| it.success())
    };
    let install = [
        &["install", "--yes", "--no-install-recommends"],
        &PACKAGES[..],
    ]
    .concat();
    // The lists of packages may be old, or not there at all.
    if !apt(&install) && apt(&["update"]) {
        apt(&install);
    }
    Servers::programs().map_err(|missing| missing.to_string())
}

/// Root, on a distribution with `apt-get`.
fn may_install() -> bool {
    let id = Command::new("id").arg("-u").output();
    let is_root = id.is_ok_and(|it| it.stdout.trim_ascii() == b"0");
    let apt = Command::new("apt-get").arg("--version").output();
    is_root && apt.is_ok_and(|it| it.status.success())
}
