//! The file of rows that were not taken, to be corrected and imported again.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use lead::FieldError;

use super::source::{BadRow, Shape};

/// The column that says which row of the file it was, from 1, the header not counted.
pub(super) const ROW_COLUMN: &str = "skynet:row";
/// The column that says what is wrong.
pub(super) const ERROR_COLUMN: &str = "skynet:error";
/// What stands for a row that is no JSON object.
pub(super) const TEXT_KEY: &str = "skynet:text";

/// Rows as they were read, each with its place and what is wrong with it. A table keeps its
/// columns behind the two new ones, so that a row with too many cells keeps all of them.
#[derive(Debug)]
pub(super) struct Rejects {
    path: PathBuf,
    shape: Shape,
    /// Made with the first row.
    file: Option<File>,
    bytes: u64,
}

impl Rejects {
    /// Goes on behind the first `bytes` of a file that an interrupted run began.
    pub(super) fn resume(path: PathBuf, shape: Shape, bytes: u64) -> io::Result<Self> {
        let mut rejects = Self {
            path,
            shape,
            file: None,
            bytes: 0,
        };
        if bytes > 0
            && let Ok(mut file) = OpenOptions::new().write(true).open(&rejects.path)
        {
            let kept = file.metadata()?.len().min(bytes);
            file.set_len(kept)?;
            file.seek(SeekFrom::End(0))?;
            rejects.bytes = kept;
            rejects.file = Some(file);
        }
        Ok(rejects)
    }

    /// Writes rows down; they are on the disk when this returns.
    pub(super) fn put(&mut self, rows: &[BadRow], header: &[u8]) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut out = Vec::new();
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                if self.shape == Shape::Csv {
                    out.extend_from_slice(format!("{ROW_COLUMN},{ERROR_COLUMN},").as_bytes());
                    out.extend_from_slice(header);
                    out.push(b'\n');
                }
                none.insert(File::create(&self.path)?)
            }
        };
        for row in rows {
            match self.shape {
                Shape::Csv => put_record(&mut out, row),
                Shape::Ndjson | Shape::Json => put_line(&mut out, row),
            }
        }
        file.write_all(&out)?;
        file.sync_data()?;
        self.bytes += out.len() as u64;
        Ok(())
    }

    /// How long the file is.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file, when there is a row in it.
    pub(super) fn written(&self) -> Option<&Path> {
        self.file.is_some().then_some(&self.path)
    }
}

/// Where rejected rows of a file go by default.
pub(super) fn default_path(file: &Path, shape: Shape) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(match shape {
        Shape::Csv => ".rejected.csv",
        Shape::Ndjson | Shape::Json => ".rejected.ndjson",
    });
    name.into()
}

fn put_record(out: &mut Vec<u8>, row: &BadRow) {
    let told = told(&row.errors).replace('"', "\"\"");
    out.extend_from_slice(format!("{},\"{told}\",", row.index + 1).as_bytes());
    out.extend_from_slice(&row.raw);
    out.push(b'\n');
}

fn put_line(out: &mut Vec<u8>, row: &BadRow) {
    out.extend_from_slice(
        format!("{{\"{ROW_COLUMN}\":{},\"{ERROR_COLUMN}\":", row.index + 1).as_bytes(),
    );
    lead_wire::write_text(out, &told(&row.errors));
    let raw = row.raw.trim_ascii();
    if let Some(rest) = raw.strip_prefix(b"{") {
        if !rest.trim_ascii_start().starts_with(b"}") {
            out.push(b',');
        }
        // Outside of its texts a line end is white space.
        out.extend(rest.iter().map(|&byte| match byte {
            b'\n' | b'\r' => b' ',
            byte => byte,
        }));
    } else {
        out.extend_from_slice(format!(",\"{TEXT_KEY}\":").as_bytes());
        lead_wire::write_text(out, &String::from_utf8_lossy(raw));
        out.push(b'}');
    }
    out.push(b'\n');
}

/// `email: This is not a valid email address.; ...`
fn told(errors: &[FieldError]) -> String {
    let mut text = String::new();
    for error in errors {
        if !text.is_empty() {
            text.push_str("; ");
        }
        let field = error.pointer.trim_start_matches('/');
        if !field.is_empty() {
            text.push_str(&field.replace("~1", "/").replace("~0", "~"));
            text.push_str(": ");
        }
        text.push_str(error.code.detail());
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use std::fs;

    use lead::FieldCode;

    use super::*;

    fn bad(index: u64, raw: &[u8]) -> BadRow {
        BadRow {
            index,
            raw: raw.to_vec(),
            errors: vec![
                FieldError::at("email", FieldCode::EmailInvalid),
                FieldError::of_lead(FieldCode::ColumnCount),
            ],
        }
    }

    #[test]
    fn a_table_keeps_its_columns_behind_two_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejected.csv");
        let mut rejects = Rejects::resume(path.clone(), Shape::Csv, 0).unwrap();

        rejects
            .put(
                &[bad(0, b"A,\"x, \"\"y\"\"\""), bad(4, b"1,2,3")],
                b"email,note",
            )
            .unwrap();

        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "skynet:row,skynet:error,email,note\n\
             1,\"email: This is not a valid email address.; This row has another number of cells than the header.\",A,\"x, \"\"y\"\"\"\n\
             5,\"email: This is not a valid email address.; This row has another number of cells than the header.\",1,2,3\n"
        );
    }

    #[test]
    fn objects_keep_their_keys_and_other_text_is_kept_as_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejected.ndjson");
        let mut rejects = Rejects::resume(path.clone(), Shape::Json, 0).unwrap();

        rejects
            .put(&[bad(0, b"{ \"a\":\n1}"), bad(1, b"{}"), bad(2, b"7")], b"")
            .unwrap();

        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            (&lines[0]["a"], &lines[0][ROW_COLUMN]),
            (&1.into(), &1.into())
        );
        assert_eq!(lines[1][ROW_COLUMN], 2);
        assert_eq!(lines[2][TEXT_KEY], "7");
    }

    #[test]
    fn going_on_drops_what_was_written_after_the_last_note() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejected.csv");
        let mut first = Rejects::resume(path.clone(), Shape::Csv, 0).unwrap();
        first.put(&[bad(0, b"a")], b"email").unwrap();
        let noted = first.bytes();
        first.put(&[bad(1, b"b")], b"email").unwrap();
        let whole = fs::read(&path).unwrap();

        let mut second = Rejects::resume(path.clone(), Shape::Csv, noted).unwrap();
        second.put(&[bad(1, b"b")], b"email").unwrap();

        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn no_file_is_made_for_no_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejected.csv");
        let mut rejects = Rejects::resume(path.clone(), Shape::Csv, 0).unwrap();

        rejects.put(&[], b"email").unwrap();

        assert!(rejects.written().is_none() && !path.exists());
    }
}
