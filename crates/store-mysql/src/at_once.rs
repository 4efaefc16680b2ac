//! New leads, stored in as few round trips as there can be.
//!
//! A few leads are one text that has all statements of the transaction. Many are a transaction of
//! four round trips: its beginning, their rows bound to a prepared statement, their row of the
//! backlog, and a text with all the rest. The server stops at the first statement that fails, and
//! each fails that could only be right for leads which are all new: the rows' insert, when an id or
//! a match key is taken, and that of the backlog, when anything is recorded between their ids. They
//! come in the order of the long way, so that the two never wait for each other in a circle, and
//! what is recorded is looked for when the rows are there, by a read that waits for whoever
//! records it.
//!
//! Whatever fails, nothing is stored, and the long way decides.

use sea_orm::DbErr;
use sea_orm::sqlx::mysql::{MySqlArguments, MySqlConnection};
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{AssertSqlSafe, Error, Executor as _, MySql, MySqlPool, query_with};
use store_sql::{LeadRow, NewLeads, SubmissionChange, id_range};

use crate::bound;
use crate::errors::broken;
use crate::literals::Literals;
use crate::own::{Borrowed, Owned};
use crate::place::bytes_of;

/// The most leads of one text: reading it costs the server more than the values of a prepared
/// statement, and one lead that is not new sends all of them the long way.
pub(crate) const FEW: usize = 8;
/// What their rows take together at most; the text is about twice as long, and has the texts for
/// the search index too.
const FEW_BYTES: usize = 64 * 1_024;
/// What a lead's text takes besides what is counted in its row.
const LEAD_TEXT_BYTES: usize = 256;
/// What the text takes besides its leads and their submissions.
const TEXT_BYTES: usize = 1_024;
/// What a submission takes.
const SUBMISSION_BYTES: usize = 256;
/// How a text of several statements begins and ends. To `MariaDB` it is one statement, so that there
/// is one answer, for which the client wakes once; to `MySQL`, which takes the block's words as
/// comments, it is several.
const BLOCK: &str = "/*M!100101 BEGIN NOT ATOMIC */ ";
const COMMIT: &str = "COMMIT /*M!100101 ; END */";

/// Whether leads may be stored so, if they are all new.
pub(crate) fn takes(new: &NewLeads<'_>) -> bool {
    are_few(new) || new.rows.iter().all(bound::takes)
}

fn are_few(new: &NewLeads<'_>) -> bool {
    let bytes: usize = new.rows.iter().map(bytes_of).sum();
    new.rows.len() <= FEW && bytes <= FEW_BYTES
}

/// Stores leads that [`takes`] has said yes to, if they are all new, and says whether it did.
pub(crate) async fn store_new(
    owned: &Owned,
    pool: &MySqlPool,
    new: &NewLeads<'_>,
) -> Result<bool, DbErr> {
    let Some(ids) = id_range(new.rows) else {
        return Ok(false);
    };
    let entries = new.entries();
    let are_few = are_few(new);
    let connection = if are_few {
        Lent::alone(owned, pool).await
    } else {
        Lent::of_pool(pool).await
    };
    let mut connection = connection.map_err(broken)?;
    let sent = if are_few {
        connection.run(text_of(new, &entries)).await
    } else {
        store_many(&mut connection, new, ids.map(|it| *it.as_bytes()), &entries).await
    };
    if let Err(Error::Database(_)) = sent {
        connection
            .run("ROLLBACK".to_owned())
            .await
            .map_err(broken)?;
        connection.give_back();
        return Ok(false);
    }
    sent.map_err(broken)?;
    connection.give_back();
    Ok(true)
}

async fn store_many(
    connection: &mut Lent,
    new: &NewLeads<'_>,
    ids: [[u8; 16]; 2],
    entries: &[u8],
) -> Result<(), Error> {
    connection.run("BEGIN".to_owned()).await?;
    let mut rest = new.rows;
    while let Some((sql, now, later)) = bound::first_of(rest) {
        connection.run_with(sql, bound::rows(now)?).await?;
        rest = later;
    }
    let backlog = bound::backlog(ids, new.rows.len(), entries)?;
    connection.run_with(bound::BACKLOG, backlog).await?;
    let mut text = text_for(new, 0);
    text.sql(BLOCK);
    put_rest(&mut text, new);
    connection.run(text.into_sql()).await
}

/// A connection that is closed unless it is given back: it may be within a transaction that nobody
/// ends.
enum Lent {
    Own(Borrowed),
    Pooled(Option<PoolConnection<MySql>>),
}

impl Lent {
    /// The thread's own, or one of the pool where that cannot be had.
    async fn alone(owned: &Owned, pool: &MySqlPool) -> Result<Self, Error> {
        match owned.borrow().await {
            Some(own) => Ok(Self::Own(own)),
            None => Self::of_pool(pool).await,
        }
    }

    async fn of_pool(pool: &MySqlPool) -> Result<Self, Error> {
        Ok(Self::Pooled(Some(pool.acquire().await?)))
    }

    fn connection(&mut self) -> Result<&mut MySqlConnection, Error> {
        let connection: Option<&mut MySqlConnection> = match self {
            Self::Own(own) => own.connection(),
            Self::Pooled(pooled) => pooled.as_deref_mut(),
        };
        connection.ok_or(Error::PoolClosed)
    }

    async fn run(&mut self, text: String) -> Result<(), Error> {
        let connection = self.connection()?;
        connection.execute(AssertSqlSafe(text)).await.map(drop)
    }

    async fn run_with(&mut self, sql: &'static str, values: MySqlArguments) -> Result<(), Error> {
        let statement = query_with::<MySql, _>(sql, values);
        statement.execute(self.connection()?).await.map(drop)
    }

    fn give_back(mut self) {
        match &mut self {
            Self::Own(own) => own.give_back(),
            Self::Pooled(pooled) => drop(pooled.take()),
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Self::Pooled(Some(connection)) = self {
            connection.close_on_drop();
        }
    }
}

/// A text with room for the leads' rows, if they take so many bytes, and for all the rest.
fn text_for(new: &NewLeads<'_>, row_bytes: usize) -> Literals {
    Literals::with_capacity(TEXT_BYTES + row_bytes + SUBMISSION_BYTES * new.submissions.len())
}

/// The whole transaction.
fn text_of(new: &NewLeads<'_>, entries: &[u8]) -> String {
    let rows = new.rows;
    let bytes: usize = rows.iter().map(bytes_of).sum();
    let mut text = text_for(new, 4 * bytes + LEAD_TEXT_BYTES * rows.len());
    text.sql(BLOCK);
    text.sql("START TRANSACTION; INSERT INTO leads (");
    text.sql(&LeadRow::COLUMNS.join(", "));
    text.sql(") VALUES (");
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            text.sql("), (");
        }
        put_row(&mut text, row);
    }
    text.sql("); ");
    put_backlog(&mut text, new, entries);
    text.sql("; ");
    put_rest(&mut text, new);
    text.into_sql()
}

/// What [`bound::BACKLOG`] does.
fn put_backlog(text: &mut Literals, new: &NewLeads<'_>, entries: &[u8]) {
    let [first, last] = id_range(new.rows).unwrap_or_default();
    text.sql(
        "INSERT INTO search_backlog (leads, bytes, entries) VALUES (\
         IF(EXISTS(SELECT 1 FROM outcomes FORCE INDEX (PRIMARY) WHERE lead_id BETWEEN ",
    );
    text.bytes(first.as_bytes());
    text.sql(" AND ");
    text.bytes(last.as_bytes());
    text.sql(" LOCK IN SHARE MODE), NULL, ");
    text.number(new.rows.len());
    text.sql("), ");
    text.number(entries.len());
    text.sql(", ");
    text.bytes(entries);
    text.sql(")");
}

/// What comes after the backlog: submissions, totals, and the end.
fn put_rest(text: &mut Literals, new: &NewLeads<'_>) {
    if !new.submissions.is_empty() {
        put_submissions(text, new);
    }
    text.sql("UPDATE lead_counters SET total = total + CASE status");
    for (status, count) in new.by_status() {
        text.sql(" WHEN ");
        text.text(status.as_str());
        text.sql(" THEN ");
        text.number(count);
    }
    text.sql(" ELSE 0 END; ");
    text.sql(COMMIT);
}

/// Makes or changes rows of submissions, and then notes whether they are at their end.
fn put_submissions(text: &mut Literals, new: &NewLeads<'_>) {
    text.sql(
        "INSERT INTO submissions (id, owner, accepted_at, received, rejected, is_complete, \
         `stored`, duplicate, failed, finished_at, touched_at) VALUES ",
    );
    for (at, change) in new.submissions.iter().enumerate() {
        text.sql(if at > 0 { ", (" } else { "(" });
        put_change(text, change);
        text.sql(", 0, 0, NULL, ");
        text.moment(new.at);
        text.sql(")");
    }
    text.sql(
        " ON DUPLICATE KEY UPDATE received = GREATEST(received, VALUES(received)), \
         rejected = GREATEST(rejected, VALUES(rejected)), \
         is_complete = GREATEST(is_complete, VALUES(is_complete)), \
         `stored` = `stored` + VALUES(`stored`); \
         UPDATE submissions SET finished_at = CASE WHEN is_complete = 1 \
         AND received <= rejected + `stored` + duplicate + failed \
         THEN COALESCE(finished_at, TIMESTAMP",
    );
    text.moment(new.at);
    text.sql(") ELSE NULL END, touched_at = GREATEST(touched_at, TIMESTAMP");
    text.moment(new.at);
    text.sql(") WHERE id IN (");
    for (at, change) in new.submissions.iter().enumerate() {
        text.sql(if at > 0 { ", " } else { "" });
        text.bytes(change.id.as_bytes());
    }
    text.sql("); ");
}

fn put_change(text: &mut Literals, change: &SubmissionChange) {
    text.bytes(change.id.as_bytes());
    text.sql(", ");
    text.bytes(change.owner.as_bytes());
    text.sql(", ");
    text.moment(change.accepted_at);
    let is_complete = i64::from(change.is_complete);
    for number in [change.received, change.rejected, is_complete, change.stored] {
        text.sql(", ");
        text.number(number);
    }
}

/// What stands in [`LeadRow::COLUMNS`].
fn put_row(text: &mut Literals, row: &LeadRow<'_>) {
    text.bytes(row.id.as_bytes());
    for part in [row.first_name, row.last_name, row.email] {
        text.sql(", ");
        text.text(part);
    }
    text.sql(", ");
    match row.phone {
        Some(phone) => text.text(phone),
        None => text.sql("NULL"),
    }
    text.sql(", ");
    match row.date_of_birth {
        Some(day) => text.day(day),
        None => text.sql("NULL"),
    }
    text.sql(", ");
    text.text(row.status);
    for moment in [row.created_at, row.updated_at] {
        text.sql(", ");
        text.moment(moment);
    }
    text.sql(", ");
    text.bytes(row.submitted_by.as_bytes());
    text.sql(", ");
    text.number(row.attempts);
    for bytes in [row.match_key, row.search_text.as_slice()] {
        text.sql(", ");
        text.bytes(bytes);
    }
    text.sql(", ");
    text.text(&row.attributes);
}
