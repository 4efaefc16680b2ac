//! Does what the command line asks for.

use std::path::PathBuf;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::{export, generate, import};

/// What every command starts from.
pub(crate) struct Context {
    /// The file of settings that was asked for by name.
    pub(crate) config_file: Option<PathBuf>,
}

/// Does what the command line asks for.
///
/// # Errors
///
/// [`Failure`], with the code to exit with.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let context = Context {
        config_file: cli.config,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format_args!("no runtime: {error}")))?;
    runtime.block_on(async {
        match cli.command {
            Command::Import(args) => import::run(&context, args).await,
            Command::Export(args) => export::run(&context, args).await,
            Command::Generate(args) => generate::run(args),
            _ => Err(Failure::failed("this version cannot do that")),
        }
    })
}
