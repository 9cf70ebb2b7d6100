//! Rows for pages and for spreadsheets.
//!
//! In: rows as JSON objects, and the columns' names. Out: JSON with the rows in it, or CSV (RFC 4180) with a line a
//! row. It refuses nothing; what a row lacks is an empty cell. A text that a spreadsheet would take for a formula
//! gets an apostrophe before it: names of zones are typed by people.

use super::reply;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

/// How a table is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    /// An object with the rows in it.
    #[default]
    Json,
    /// A line a row.
    Csv,
}

/// Rows with their columns.
pub(super) struct Table<'a> {
    /// Member of the JSON that holds the rows.
    pub(super) name: &'a str,
    /// Columns in the order of the CSV.
    pub(super) columns: &'a [&'a str],
    /// Objects with these columns as members.
    pub(super) rows: Vec<Value>,
}

impl Table<'_> {
    /// The answer in a shape; `about` is what the JSON says beside the rows.
    pub(super) fn respond(self, request: &HeaderMap, shape: Shape, mut about: Value) -> Response {
        match shape {
            Shape::Json => {
                about[self.name] = self.rows.into();
                reply::value(request, &about)
            }
            Shape::Csv => {
                let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8");
                let file = format!("attachment; filename=\"{}.csv\"", self.name);
                ([kind], [(header::CONTENT_DISPOSITION, file)], self.csv()).into_response()
            }
        }
    }

    fn csv(&self) -> String {
        let mut text = self.columns.join(",");
        for row in &self.rows {
            text.push('\n');
            let cells: Vec<String> = self.columns.iter().map(|column| cell(&row[*column])).collect();
            text.push_str(&cells.join(","));
        }
        text.push('\n');
        text
    }
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        number => return number.to_string(),
    };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_quotes_what_needs_it_and_leaves_unknown_cells_empty() {
        let rows = vec![
            json!({"a": "bar, upper", "b": 1.5, "c": null}),
            json!({"a": "the \"pit\"", "b": -2}),
            json!({"a": "=1+1", "b": 0, "c": "x"}),
        ];
        let text = Table { name: "rows", columns: &["a", "b", "c"], rows }.csv();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, ["a,b,c", "\"bar, upper\",1.5,", "\"the \"\"pit\"\"\",-2,", "'=1+1,0,x"]);
    }
}
