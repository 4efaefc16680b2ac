//! What the database alone can do: the very rows that the system wrote, inserted again into the
//! same schema with all its indexes, by the fastest of the statements that are tried.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Column as _, Executor as _, Row as _, query};

use crate::Failure;
use crate::latency::Latency;
use crate::proc::{Role, Watched};
use crate::rig::{self, Rig};
use crate::volley::Answered;

const CONNECTIONS: usize = 2;

/// How rows are put into statements, one transaction each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    /// Values are bound to a prepared statement; else they are part of the text.
    pub(crate) is_prepared: bool,
}

impl Shape {
    /// The one that is the fastest of those tried, or close to it, on each machine so far.
    pub(crate) const FAST: Self = Self::new(500, true);
    /// Those that are tried.
    pub(crate) const ALL: [Self; 4] = [
        Self::new(500, false),
        Self::new(500, true),
        Self::new(1_000, false),
        Self::new(1_000, true),
    ];

    const fn new(rows: usize, is_prepared: bool) -> Self {
        Self { rows, is_prepared }
    }

    pub(crate) fn name(self) -> String {
        let kind = if self.is_prepared { "prepared" } else { "text" };
        format!("{kind}, {} rows", self.rows)
    }
}

/// Rows of leads, as they are in a store.
pub(crate) struct Rows {
    columns: String,
    width: usize,
    cells: Vec<Vec<Option<Vec<u8>>>>,
}

impl Rows {
    /// All of a database, in the order of their ids.
    pub(crate) async fn read(rig: &Rig, database: &str) -> Result<Self, Failure> {
        let mut connection = rig.connect(database).await?;
        let mut columns = Vec::new();
        let mut rows = Vec::new();
        let mut found = connection.fetch("SELECT * FROM leads ORDER BY id");
        while let Some(row) = found.try_next().await? {
            if columns.is_empty() {
                columns = row
                    .columns()
                    .iter()
                    .map(|it| it.name().to_owned())
                    .collect();
            }
            let values = (0..columns.len()).map(|at| row.try_get_unchecked(at));
            rows.push(values.collect::<Result<_, _>>()?);
        }
        Ok(Self {
            width: columns.len(),
            columns: columns.join(", "),
            cells: rows,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Those of a store that are the first of so many.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.cells.truncate(rows);
    }

    /// Those from one on, which these then end before.
    pub(crate) fn split_off(&mut self, from: usize) -> Self {
        Self {
            columns: self.columns.clone(),
            width: self.width,
            cells: self.cells.split_off(from),
        }
    }

    fn insert(&self) -> String {
        format!("INSERT INTO leads ({}) VALUES ", self.columns)
    }
}

/// What inserting took.
#[derive(Clone, Debug)]
pub(crate) struct Inserted {
    pub(crate) rows: u64,
    pub(crate) time: Duration,
    pub(crate) cpu: Vec<(Role, Duration)>,
}

impl Inserted {
    pub(crate) fn rate(&self) -> f64 {
        self.rows as f64 / self.time.as_secs_f64()
    }
}

/// Makes an empty table like the one of `model` in a database of its own.
pub(crate) async fn prepare(rig: &Rig, database: &str, model: &str) -> Result<(), Failure> {
    rig.drop(database).await?;
    rig.create(database).await?;
    let like = format!("CREATE TABLE leads LIKE {model}.leads");
    rig::run(&mut rig.connect(database).await?, &like).await
}

/// Inserts rows that a table does not hold. All statements are made before the clock starts.
pub(crate) async fn insert(
    rig: &Rig,
    database: &str,
    rows: &Rows,
    shape: Shape,
) -> Result<Inserted, Failure> {
    let watched = Watched::new(rig.processes());
    let mut halves: [Vec<Batch>; CONNECTIONS] = Default::default();
    let mut connections = Vec::new();
    for (at, rows_of_batch) in rows.cells.chunks(shape.rows).enumerate() {
        halves[at % CONNECTIONS].push(Batch::new(rows, rows_of_batch, shape));
    }
    for _ in 0..CONNECTIONS {
        connections.push(rig.connect(database).await?);
    }
    let clock = watched.start()?;
    let began = Instant::now();
    let inserting = halves.into_iter().zip(connections);
    let inserting = inserting.map(|(half, connection)| tokio::spawn(insert_half(half, connection)));
    let mut count = 0;
    for half in inserting.collect::<Vec<_>>() {
        count += half.await??;
    }
    let (time, cpu) = (began.elapsed(), clock.stop()?);
    if count != rows.len() as u64 {
        return Err(format!("of {} raw rows {count} were inserted", rows.len()).into());
    }
    Ok(Inserted {
        rows: count,
        time,
        cpu,
    })
}

/// Inserts rows one by one over one connection, each committed before the next.
pub(crate) async fn commit_each(
    rig: &Rig,
    database: &str,
    rows: &Rows,
) -> Result<Answered, Failure> {
    let shape = Shape::new(1, true);
    let statements = rows.cells.chunks(1).map(|it| Batch::new(rows, it, shape));
    let statements: Vec<Batch> = statements.collect();
    let mut connection = rig.connect(database).await?;
    let watched = Watched::new(rig.processes());
    let clock = watched.start()?;
    let began = Instant::now();
    let mut times = Vec::with_capacity(statements.len());
    for statement in statements {
        let asked = Instant::now();
        statement.run(&mut connection).await?;
        times.push(asked.elapsed());
    }
    Ok(Answered {
        count: times.len() as u64,
        time: began.elapsed(),
        latency: Latency::of(times),
        cpu: clock.stop()?,
    })
}

/// A statement, and the values to bind.
struct Batch {
    sql: String,
    values: Vec<Option<Vec<u8>>>,
}

impl Batch {
    fn new(all: &Rows, rows: &[Vec<Option<Vec<u8>>>], shape: Shape) -> Self {
        if shape.is_prepared {
            let marks = format!("({})", vec!["?"; all.width].join(","));
            return Self {
                sql: all.insert() + &vec![marks; rows.len()].join(","),
                values: rows.concat(),
            };
        }
        let mut sql = all.insert();
        for (at, row) in rows.iter().enumerate() {
            sql.push_str(if at > 0 { ",(" } else { "(" });
            for (at, value) in row.iter().enumerate() {
                sql.push_str(if at > 0 { "," } else { "" });
                push_literal(&mut sql, value.as_deref());
            }
            sql.push(')');
        }
        Self {
            sql,
            values: Vec::new(),
        }
    }

    /// Inserts the rows and says how many were.
    async fn run(self, connection: &mut MySqlConnection) -> Result<u64, Failure> {
        if self.values.is_empty() {
            let inserted = connection.execute(AssertSqlSafe(self.sql)).await?;
            return Ok(inserted.rows_affected());
        }
        let mut insert = query(AssertSqlSafe(self.sql));
        for value in self.values {
            insert = insert.bind(value);
        }
        Ok(insert.execute(connection).await?.rows_affected())
    }
}

fn push_literal(sql: &mut String, value: Option<&[u8]>) {
    match value.map(|it| (it, str::from_utf8(it))) {
        None => sql.push_str("NULL"),
        Some((_, Ok(text))) => {
            sql.push('\'');
            for letter in text.chars() {
                if matches!(letter, '\\' | '\'') {
                    sql.push('\\');
                }
                sql.push(letter);
            }
            sql.push('\'');
        }
        Some((bytes, Err(_))) => {
            sql.push_str("X'");
            for byte in bytes {
                // Writing to a `String` cannot fail.
                let _ = write!(sql, "{byte:02x}");
            }
            sql.push('\'');
        }
    }
}

async fn insert_half(half: Vec<Batch>, mut connection: MySqlConnection) -> Result<u64, Failure> {
    let mut count = 0;
    for batch in half {
        rig::run(&mut connection, "BEGIN").await?;
        count += batch.run(&mut connection).await?;
        rig::run(&mut connection, "COMMIT").await?;
    }
    Ok(count)
}
