//! What somebody with all rights does in a database by hand.

use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

/// A connection of `root` to the database of the application.
#[derive(Debug)]
pub struct Session(MySqlConnection);

impl Session {
    pub(crate) async fn open(url: &str) -> Self {
        Self(MySqlConnection::connect(url).await.unwrap())
    }

    /// Runs statements that succeed.
    pub async fn run(&mut self, sql: &str) {
        self.attempt(sql)
            .await
            .unwrap_or_else(|number| panic!("mysql {number}: {sql}"));
    }

    /// Runs statements.
    ///
    /// # Errors
    ///
    /// The server's number of the error.
    pub async fn attempt(&mut self, sql: &str) -> Result<(), u16> {
        let ran = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.0).await;
        ran.map(drop).map_err(|error| match error {
            sqlx::Error::Database(error) => error
                .try_downcast_ref::<MySqlDatabaseError>()
                .map_or(0, MySqlDatabaseError::number),
            other => panic!("{other}"),
        })
    }

    /// The texts in the only column of a query, without those that are null.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql))
            .fetch_all(&mut self.0)
            .await
            .unwrap();
        let texts = rows
            .iter()
            .map(|it| it.try_get::<Option<String>, _>(0).unwrap());
        texts.flatten().collect()
    }
}
