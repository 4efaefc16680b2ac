//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use crate::Failure;
use crate::machine::Machine;
use crate::measures::{self, Known, Name};
use crate::raw::handler;
use crate::report::{self, Report, print_verdicts};
use crate::rig::Rig;
use crate::scale::Scale;

/// Measures the system beside the limits of what it stands on.
#[derive(Debug, Parser)]
#[command(name = "skynet-bench")]
pub(crate) struct Cli {
    /// What to measure, in this order [default: all]
    #[arg(value_enum, value_name = "MEASURE")]
    measures: Vec<Name>,
    /// Short rounds: all of it in less than five minutes
    #[arg(long)]
    quick: bool,
    /// Rounds, each of the system and of the limit
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Seconds that the system is fed in a round
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// Keep the data of the database in this folder, and use what is there
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Where the figures go, as JSON and as a page with plots
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    out: PathBuf,
    /// Another argument of the database server, such as innodb-buffer-pool-size=4G
    #[arg(long = "database", value_name = "NAME=VALUE")]
    database: Vec<String>,
    /// Leads that a store is filled with, for p2 and p6
    #[arg(long, value_delimiter = ',')]
    leads: Vec<u64>,
    /// Be a bare server at this address, before a cache
    #[arg(long, hide = true, requires = "bare_cache")]
    bare: Option<SocketAddr>,
    #[arg(long, hide = true)]
    bare_cache: Option<SocketAddr>,
}

impl Cli {
    /// Does what was asked for.
    pub(crate) fn run(self) -> Result<(), Failure> {
        if let (Some(bind), Some(cache)) = (self.bare, self.bare_cache) {
            return handler::serve(bind, cache);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.measure())
    }

    async fn measure(self) -> Result<(), Failure> {
        let scale = self.scale();
        let names = match self.measures.as_slice() {
            [] => Name::ALL.to_vec(),
            some => some.to_vec(),
        };
        let rig = if names.iter().any(|it| it.needs_servers()) {
            Some(Rig::start(self.keep.clone(), &self.database).await?)
        } else {
            None
        };
        let mut report = Report {
            command: std::env::args().collect::<Vec<_>>().join(" "),
            machine: match &rig {
                Some(rig) => rig.machine.clone(),
                None => Machine::look(&std::env::temp_dir())?,
            },
            measures: Vec::new(),
        };
        println!("{}\n{}", report.machine, report.command);
        let mut known = Known::default();
        let mut files = Vec::new();
        for name in names {
            let measure = measures::run(name, rig.as_ref(), &scale, &mut known).await?;
            report.measures.push(measure);
            // What was measured is there, whatever becomes of the rest.
            files = report::write(&report, &self.out)?;
        }
        if let Some(rig) = rig {
            rig.stop().await;
        }
        print_verdicts(&report);
        for file in files {
            println!("{}", file.display());
        }
        Ok(())
    }

    fn scale(&self) -> Scale {
        let mut scale = if self.quick {
            Scale::quick()
        } else {
            Scale::full()
        };
        if !self.leads.is_empty() {
            scale.sizes.clone_from(&self.leads);
            scale.sizes.sort_unstable();
        }
        scale.rounds = self.rounds.unwrap_or(scale.rounds);
        scale.round = self
            .seconds
            .map_or(scale.round, std::time::Duration::from_secs);
        scale
    }
}
