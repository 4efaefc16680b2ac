//! What can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{export, generate, import};

/// Takes in sales leads and loses none.
#[derive(Debug, Parser)]
#[command(name = "skynet", version, arg_required_else_help = true)]
pub struct Cli {
    /// Settings that the environment does not give [default: skynet.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the API and the worker in this process
    Serve,
    /// Bring the store to the form this version needs
    Migrate,
    /// Add, list and change accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Store leads from a file
    Import(import::Args),
    /// Write all leads to stdout
    Export(export::Args),
    /// Make leads up, for trying things out
    Generate(generate::Args),
    /// Look at the queue
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Look after leads that could not be stored
    #[command(subcommand)]
    Failed(FailedCommand),
    /// Look after the cached reads of the running server
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say in one screen what is configured, reachable and wrong
    Doctor,
}

/// Accounts.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add an account
    Add {
        /// The name to sign in with
        username: String,
        /// Where to write to
        #[arg(long)]
        email: String,
        /// What it may do
        #[arg(long = "role", value_enum, default_values_t = [RoleName::User])]
        roles: Vec<RoleName>,
        /// Where the password comes from
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List the accounts
    List,
    /// Give an account a new password
    Passwd {
        /// Whose
        username: String,
        /// Where the password comes from
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Lock an account out, with the tokens it holds
    Disable {
        /// Whose
        username: String,
    },
    /// Let an account in again
    Enable {
        /// Whose
        username: String,
    },
}

/// Where a password comes from: the terminal, without echo, or the first line of stdin; never the
/// command line, which others can read.
#[derive(Debug, Args)]
pub struct PasswordSource {
    /// Take the password from this environment variable
    #[arg(long, value_name = "VARIABLE")]
    pub password_env: Option<String>,
}

/// A role, as it is written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Everything
    #[value(alias = "ROLE_ADMIN")]
    Admin,
    /// Signs in, submits leads, reads what is its own
    #[value(alias = "ROLE_USER")]
    User,
}

/// The queue.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// How full each queue is
    Stats,
}

/// Parked messages.
#[derive(Debug, Subcommand)]
pub enum FailedCommand {
    /// List them, oldest first
    List {
        /// Only those after this one
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show one
    Show {
        /// Which
        id: String,
    },
    /// Send them again
    Replay {
        /// Which
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<String>,
        /// All that are parked now
        #[arg(long)]
        all: bool,
        /// Only count
        #[arg(long)]
        dry_run: bool,
    },
    /// Throw them away for good
    Discard {
        /// Which
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// Cached reads.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Drop them
    Clear,
    /// Read what is asked for most, so that it is there
    Warm,
}

/// The configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check every setting and show what is in force, without secrets
    Check,
}
