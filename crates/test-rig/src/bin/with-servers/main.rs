//! `with-servers COMMAND...`: runs a command with the servers that tests need.
//!
//! For each of database, broker and cache: the one whose URL is set; else the one that answers on
//! its standard port; else one from `deploy/test-servers.yml` where a container engine runs; else
//! a private one from installed programs, which root gets from the distribution where they are
//! missing. Nothing that was there before is changed: a virtual host and databases made for the
//! run are dropped when it ends, and servers that were started end.
//!
//! `with-servers --programs COMMAND...` only sees to it that the programs are installed.

#![allow(
    clippy::print_stderr,
    reason = "it tells a person what it uses and what is missing"
)]

mod containers;
mod found;
mod packages;

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use test_rig::Servers;
use tokio::signal::unix::{SignalKind, signal};

use self::containers::Containers;
use self::found::{ROLES, Role};

/// Tells tests what names to begin with.
const RUN_VARIABLE: &str = "SKYNET_TEST_RUN";
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let programs_only = arguments.next_if(|it| it == "--programs").is_some();
    let command: Vec<OsString> = arguments.collect();
    if command.is_empty() {
        eprintln!("usage: with-servers [--programs] COMMAND...");
        return ExitCode::from(2);
    }
    let done = if programs_only {
        match packages::install_missing() {
            Ok(()) => run(&command, &[]).await,
            Err(reason) => Err(reason),
        }
    } else {
        with_servers(&command).await
    };
    done.unwrap_or_else(|reason| {
        eprintln!("with-servers: {reason}");
        eprintln!("with-servers: set SKYNET_TEST_DATABASE_URL, SKYNET_TEST_QUEUE_URL and");
        eprintln!("with-servers: SKYNET_TEST_CACHE_URL, start Docker, or install the packages");
        eprintln!("with-servers: `make test-embedded` needs no server");
        ExitCode::FAILURE
    })
}

async fn with_servers(command: &[OsString]) -> Result<ExitCode, String> {
    let run_name = run_name();
    let mut urls = Vec::new();
    let mut missing = Vec::new();
    for role in ROLES {
        match role.find().await {
            Some((url, origin)) => {
                eprintln!("with-servers: {}: {origin}", role.name());
                urls.push((role, url));
            }
            None => missing.push(role),
        }
    }

    let mut containers = None;
    let mut servers = None;
    if !missing.is_empty() && Containers::engine_runs() {
        let started = Containers::start(&run_name, &missing)?;
        for role in missing {
            eprintln!("with-servers: {}: a container", role.name());
            urls.push((role, started.url(role)?));
        }
        containers = Some(started);
    } else if !missing.is_empty() {
        packages::install_missing()?;
        let started = Servers::start().await.map_err(|error| error.to_string())?;
        for role in missing {
            let address = role.of(&started);
            eprintln!("with-servers: {}: a private one at {address}", role.name());
            urls.push((role, role.url(address)));
        }
        servers = Some(started);
    }

    let host = found::VirtualHost::make(&run_name, &mut urls);
    let mut environment: Vec<(&str, String)> = urls
        .iter()
        .map(|(role, url)| (role.variable(), url.clone()))
        .collect();
    environment.push((RUN_VARIABLE, run_name.clone()));
    let ended = run(command, &environment).await;

    drop(host);
    for (role, url) in &urls {
        if *role == Role::Database {
            found::drop_databases(url, &run_name).await?;
        }
    }
    drop((containers, servers));
    ended
}

/// Runs the command to its end, also when this process is asked to end before.
async fn run(command: &[OsString], environment: &[(&str, String)]) -> Result<ExitCode, String> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let environment = environment.iter().map(|(name, value)| (name, value));
    let told = |error: std::io::Error| format!("{}: {error}", program.display());
    // A terminal sends SIGINT to the command as well.
    let _interrupted = signal(SignalKind::interrupt()).map_err(told)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(told)?;
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment)
        .spawn()
        .map_err(told)?;
    loop {
        if let Some(status) = child.try_wait().map_err(told)? {
            let code = status.code().and_then(|it| u8::try_from(it).ok());
            return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = terminated.recv() => {
                let id = child.id().to_string();
                // It may end by itself at this moment.
                let _ = Command::new("kill").args(["-TERM", &id]).status();
            }
        }
    }
}

/// A name no other run has: `skynet_test_<process>_<milliseconds>`, in hexadecimal.
fn run_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = now.unwrap_or_default().as_millis();
    format!("skynet_test_{:x}_{millis:x}", std::process::id())
}
