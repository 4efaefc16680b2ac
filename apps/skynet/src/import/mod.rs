//! Storing leads from a file.
//!
//! A file is cut into chunks ([`source`]); each goes to a running API ([`api`]) or straight into
//! the store ([`direct`]); how far the run is lies in a file of its own ([`state`]), so that an
//! interrupted run goes on where it stopped and stores nothing twice. Rows that are no leads go
//! to a file that can be corrected and imported again ([`rejects`]).

mod api;
mod direct;
mod json_list;
mod local;
mod progress;
mod rejects;
mod run;
mod source;
mod state;
mod target;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use kernel::{Clock, Day};
use lead_wire::KeyMap;

use self::rejects::{ERROR_COLUMN, ROW_COLUMN, Rejects, TEXT_KEY};
use self::run::Run;
use self::source::{Reading, Shape, SourceError};
use self::state::{Counts, RunState, StateFile};
use self::target::Target;
use crate::commands::Context;
use process::Failure;
use process::output;

/// The most rows of a chunk.
const MAX_CHUNK_ROWS: usize = 1_000;

/// Columns that say something about a row and are no part of the lead.
const LEFT_OUT: [&str; 6] = [
    ROW_COLUMN,
    ERROR_COLUMN,
    TEXT_KEY,
    "id",
    "createdAt",
    "updatedAt",
];

/// What to do, in detail.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV with a header row, NDJSON, or JSON; `-` is stdin, which cannot be resumed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read a column under another name; without a name behind the sign it is left out
    #[arg(long = "map", value_name = "FROM=TO", value_parser = parse_mapping)]
    mappings: Vec<(String, String)>,
    /// How many rows travel together
    #[arg(long, value_name = "ROWS", default_value_t = 500,
          value_parser = clap::value_parser!(u16).range(1..=MAX_CHUNK_ROWS as i64))]
    batch: u16,
    /// What a bad row means for the others
    #[arg(long, value_enum, default_value_t)]
    on_error: OnError,
    /// What the file is
    #[arg(long, value_enum, default_value_t)]
    format: FileFormat,
    /// Where rows that are not taken go [default: FILE.rejected.csv or .ndjson]
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Where to keep how far the run is [default: in `imports` below the data folder]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Begin anew, whatever an interrupted run has done
    #[arg(long)]
    restart: bool,
    /// Send the leads to the API at this address, with the token in `SKYNET_TOKEN` or the account
    /// in `SKYNET_USER` and `SKYNET_PASSWORD`
    #[arg(long, value_name = "URL")]
    api: Option<String>,
}

/// What a bad row means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum OnError {
    /// They are stored
    #[default]
    Continue,
    /// No row is stored
    Abort,
}

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    /// What its name and its first bytes say
    #[default]
    Auto,
    /// A table with a header row
    Csv,
    /// One JSON object a line
    #[value(alias = "jsonl")]
    Ndjson,
    /// A JSON list, or an object with the list under `leads`
    Json,
}

/// Does it.
///
/// # Errors
///
/// [`Failure`], with the code to exit with.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Failure> {
    let input = Input::open(&args)?;
    let rejected_path = args
        .rejected
        .clone()
        .unwrap_or_else(|| rejects::default_path(input.path_for_names(), input.shape));
    if input.is_file && same_file(&rejected_path, &input.path) {
        return Err(Failure::wrong_use(
            "rejected rows cannot go into the file that is read",
        ));
    }
    let today = backends::SystemClock.now().day();
    let place = target::place(context, args.api.as_deref()).await?;

    let state_file = match (&args.state, input.is_file) {
        (_, false) => None,
        (Some(path), true) => Some(path.clone()),
        (None, true) => Some(
            place
                .state_folder()
                .join(format!("{}.json", fingerprint(&input, &args)?)),
        ),
    }
    .map(StateFile::open)
    .transpose()
    .map_err(Failure::failed)?;
    let earlier = match &state_file {
        Some(file) if !args.restart => interrupted(file, &fingerprint(&input, &args)?)?,
        _ => None,
    };

    if args.on_error == OnError::Abort && earlier.is_none() {
        let reading = reading(&args, input.shape, today, None);
        validate(input.reopen()?, reading, rejected_path.clone()).await?;
    }
    let resumed = earlier.is_some();
    let state = match earlier {
        Some(state) if state.target != place.name() => {
            return Err(Failure::failed(format_args!(
                "this import was begun with {}; make that reachable, or begin anew with --restart",
                state.target
            )));
        }
        Some(state) => state,
        None => RunState {
            version: RunState::VERSION,
            fingerprint: if input.is_file {
                fingerprint(&input, &args)?
            } else {
                String::new()
            },
            run: target::fresh_run().to_string(),
            started_at_ms: backends::SystemClock.now().unix_ms(),
            target: place.name().to_owned(),
            chunk_rows: usize::from(args.batch),
            chunks: 0,
            rows: 0,
            counts: Counts::default(),
            waiting: Vec::new(),
            rejected_bytes: 0,
            all_sent: false,
            finished: false,
        },
    };
    if resumed && state.rows > 0 {
        output::note(format_args!("going on after row {}", state.rows));
    }

    let target = Target::open(place, &state).await?;
    let rejects = Rejects::resume(rejected_path, input.shape, state.rejected_bytes)
        .map_err(|error| Failure::failed(format_args!("the file of rejected rows: {error}")))?;
    let reading = reading(&args, input.shape, today, Some(&state));
    Run::new(target, state, state_file, rejects)
        .finish(input, reading)
        .await
}

fn reading(args: &Args, shape: Shape, today: Day, state: Option<&RunState>) -> Reading {
    let mut keys = KeyMap {
        renamed: Vec::new(),
        left_out: LEFT_OUT.map(str::to_owned).to_vec(),
    };
    for (from, to) in &args.mappings {
        if to.is_empty() {
            keys.left_out.push(from.clone());
        } else {
            keys.renamed.push((from.clone(), to.clone()));
        }
    }
    Reading {
        shape,
        keys,
        today,
        chunk_rows: state.map_or(usize::from(args.batch), |it| it.chunk_rows),
        skip_rows: state.map_or(0, |it| it.rows),
        skip_chunks: state.map_or(0, |it| it.chunks),
        skip_rejected: state.map_or(0, |it| it.counts.rejected),
    }
}

/// The state of an earlier run of the same import that did not come to its end.
fn interrupted(file: &StateFile, fingerprint: &str) -> Result<Option<RunState>, Failure> {
    match file.load().map_err(Failure::failed)? {
        Some(state) if state.finished => Ok(None),
        Some(state) if state.fingerprint != fingerprint => Err(Failure::failed(
            "the state file belongs to another import; --restart begins anew",
        )),
        state => Ok(state),
    }
}

/// Reads everything and stores nothing.
async fn validate(
    mut input: Box<dyn Read + Send>,
    reading: Reading,
    rejected_path: PathBuf,
) -> Result<(), Failure> {
    let (shape, mut rows, mut bad) = (reading.shape, 0, 0);
    let validated = tokio::task::spawn_blocking(move || {
        let mut rejects = Rejects::resume(rejected_path, shape, 0)?;
        let mut failed = None;
        let read = source::read_chunks(&mut input, &reading, |chunk| {
            rows = chunk.rows_end;
            bad += chunk.bad.len();
            failed = rejects.put(&chunk.bad, &chunk.header).err();
            failed.is_none()
        });
        match (failed, read) {
            (Some(error), _) => Err(SourceError::Io(error)),
            (None, read) => read.map(|()| (rows, bad, rejects)),
        }
    });
    let (rows, bad, rejects) = validated
        .await
        .map_err(|_| Failure::failed("reading the file failed"))?
        .map_err(source_failure)?;
    match rejects.written() {
        None => Ok(()),
        Some(path) => Err(Failure::failed(format_args!(
            "{bad} of {rows} rows are not valid and nothing was imported; see {}",
            path.display()
        ))),
    }
}

fn source_failure(error: SourceError) -> Failure {
    match error {
        SourceError::Header(lead_wire::HeaderError::NotThere { .. }) => {
            Failure::wrong_use("--map names a column that the file does not have")
        }
        error => Failure::failed(error),
    }
}

/// What is read.
struct Input {
    path: PathBuf,
    shape: Shape,
    /// It can be read more than once, and told from other files.
    is_file: bool,
    bytes: Option<u64>,
    reader: Option<Box<dyn Read + Send>>,
}

impl Input {
    fn open(args: &Args) -> Result<Self, Failure> {
        let path = args.file.clone();
        let failed = |error: io::Error| {
            Failure::failed(format_args!("{} cannot be read: {error}", path.display()))
        };
        let is_stdin = path.as_os_str() == "-";
        let mut file = (!is_stdin)
            .then(|| File::open(&path))
            .transpose()
            .map_err(failed)?;
        let metadata = file
            .as_ref()
            .map(File::metadata)
            .transpose()
            .map_err(failed)?;
        if metadata.as_ref().is_some_and(std::fs::Metadata::is_dir) {
            return Err(Failure::wrong_use(format_args!(
                "{} is a folder",
                path.display()
            )));
        }
        let is_file = metadata.as_ref().is_some_and(std::fs::Metadata::is_file);
        if args.on_error == OnError::Abort && !is_file {
            return Err(Failure::wrong_use(
                "--on-error abort reads the input twice and needs a file",
            ));
        }
        let mut first = Vec::new();
        match &mut file {
            Some(file) => file.take(FIRST_BYTES).read_to_end(&mut first),
            None => io::stdin().take(FIRST_BYTES).read_to_end(&mut first),
        }
        .map_err(failed)?;
        let shape = match args.format {
            FileFormat::Auto => source::shape_of(&path.to_string_lossy(), &first),
            FileFormat::Csv => Shape::Csv,
            FileFormat::Ndjson => Shape::Ndjson,
            FileFormat::Json => Shape::Json,
        };
        let reader: Box<dyn Read + Send> = match file {
            Some(mut file) if is_file => {
                file.rewind().map_err(failed)?;
                Box::new(file)
            }
            Some(file) => Box::new(Cursor::new(first).chain(file)),
            None => Box::new(Cursor::new(first).chain(io::stdin())),
        };
        Ok(Self {
            path,
            shape,
            is_file,
            bytes: metadata.filter(|_| is_file).map(|it| it.len()),
            reader: Some(reader),
        })
    }

    fn reopen(&self) -> Result<Box<dyn Read + Send>, Failure> {
        match File::open(&self.path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(Failure::failed(format_args!(
                "{} cannot be read: {error}",
                self.path.display()
            ))),
        }
    }

    fn path_for_names(&self) -> &Path {
        if self.path.as_os_str() == "-" {
            Path::new("stdin")
        } else {
            &self.path
        }
    }
}

const FIRST_BYTES: u64 = 64 * 1_024;

fn fingerprint(input: &Input, args: &Args) -> Result<String, Failure> {
    let shape = match input.shape {
        Shape::Csv => "csv",
        Shape::Ndjson => "ndjson",
        Shape::Json => "json",
    };
    state::fingerprint(&input.path, &args.mappings, shape).map_err(|error| {
        Failure::failed(format_args!(
            "{} cannot be read: {error}",
            input.path.display()
        ))
    })
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn parse_mapping(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() => Ok((from.to_owned(), to.to_owned())),
        _ => Err("a mapping is written FROM=TO".to_owned()),
    }
}

/// How long something that should answer may be silent.
const PATIENCE: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests;
