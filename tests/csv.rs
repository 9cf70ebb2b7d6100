//! The CSV files of the measured data.
//!
//! In: a file with one header line and `,` between fields, gzipped when its name ends in `.gz`. Out:
//! rows whose fields are found by name. It refuses a field that is missing or no number, with file and
//! line. Quoted fields do not occur in this data and are not understood.

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file read whole: the largest here has 222 000 lines.
#[derive(Debug)]
pub struct Csv {
    path: PathBuf,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct Row<'c> {
    csv: &'c Csv,
    index: usize,
}

impl Csv {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or has no header.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let fields = |line: &str| line.split(',').map(|field| field.trim().to_owned()).collect::<Vec<_>>();
        let mut lines = text.lines();
        let columns = fields(lines.next().with_context(|| format!("{}: empty", path.display()))?);
        Ok(Self { path: path.to_path_buf(), columns, rows: lines.map(fields).collect() })
    }

    /// All lines below the header.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows.len()).map(|index| Row { csv: self, index })
    }
}

impl<'c> Row<'c> {
    /// A field by the name of its column.
    ///
    /// # Errors
    /// When there is no such column or the line is too short.
    pub fn text(&self, column: &str) -> Result<&'c str> {
        let place = self.csv.columns.iter().position(|known| known == column);
        let field = place.and_then(|place| self.csv.rows[self.index].get(place));
        // The header is line 1.
        field
            .map(String::as_str)
            .with_context(|| format!("{}:{}: no {column}", self.csv.path.display(), self.index + 2))
    }

    /// A number; `None` where the field is empty.
    ///
    /// # Errors
    /// When the field is missing or something else.
    pub fn number_or_empty(&self, column: &str) -> Result<Option<f64>> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        let place = || format!("{}:{}: {column} is no number: {text}", self.csv.path.display(), self.index + 2);
        text.parse().map(Some).with_context(place)
    }

    /// A number.
    ///
    /// # Errors
    /// When the field is missing, empty or something else.
    pub fn number(&self, column: &str) -> Result<f64> {
        let place = || format!("{}:{}: {column} is empty", self.csv.path.display(), self.index + 2);
        self.number_or_empty(column)?.with_context(place)
    }
}

fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|ending| ending == "gz") {
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(bytes)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name_and_faults_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("some.csv");
        std::fs::write(&path, "a,b\n1,\n2.5,x\n").expect("writes");
        let csv = Csv::read(&path).expect("reads");
        let rows: Vec<Row<'_>> = csv.rows().collect();
        assert_eq!(rows[1].number("a").expect("a number"), 2.5);
        assert_eq!(rows[0].number_or_empty("b").expect("empty"), None);
        let fault = format!("{:#}", rows[1].number("b").expect_err("no number"));
        assert!(fault.contains("some.csv:3: b is no number: x"), "{fault}");
        assert!(rows[0].text("c").is_err());
    }
}
