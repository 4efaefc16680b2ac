//! `skynet generate`.

use std::io::{self, BufWriter, ErrorKind};

use clap::ValueEnum;

use super::{Format, Recipe, write};
use process::Failure;

/// What to make.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// How many leads
    #[arg(long, value_name = "N")]
    leads: u64,
    /// What they are made from: the same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How they are written
    #[arg(long, value_enum, default_value_t = FormatName::Csv)]
    format: FormatName,
    /// How many attributes beside the core fields
    #[arg(long, value_name = "N", default_value_t = Recipe::DEFAULT_ATTRIBUTES)]
    attributes: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatName {
    Csv,
    Ndjson,
    Json,
}

/// Writes the leads to stdout.
///
/// # Errors
///
/// [`Failure`] when stdout cannot take them; a reader that had enough is no failure.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    if args.attributes > Recipe::MAX_ATTRIBUTES {
        return Err(Failure::wrong_use(format_args!(
            "--attributes takes at most {}",
            Recipe::MAX_ATTRIBUTES
        )));
    }
    let recipe = Recipe {
        leads: args.leads,
        seed: args.seed,
        format: match args.format {
            FormatName::Csv => Format::Csv,
            FormatName::Ndjson => Format::Ndjson,
            FormatName::Json => Format::Json,
        },
        attributes: args.attributes,
    };
    match write(&recipe, &mut BufWriter::new(io::stdout().lock())) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::failed(format_args!("writing: {error}"))),
    }
}
