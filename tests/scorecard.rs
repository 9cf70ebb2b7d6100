//! One table of how right the numbers are, and its comparison with the committed one.
//!
//! In: rows of the engine's scorecards as they print them, rows of measured walks, the committed table. Out: the
//! table as Markdown, and the rows that became worse than committed by more than the tolerance. It does not compare
//! rows without a goal, whose better direction is nowhere told, nor rows that one of the two tables lacks.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A row may become worse by this share, and by this much: another machine's arithmetic moves a figure in its
/// third digit.
const TOLERANCE_SHARE: f64 = 0.03;
const TOLERANCE: f64 = 0.005;

/// A bar inside a cell, as Markdown writes it, and what stands for it while cells are parted.
const ESCAPED_BAR: &str = "\\|";
const HIDDEN_BAR: &str = "\u{1}";

/// Width of the printed columns right of the metric: ours, baseline, floor, goal, with a space before each.
const OURS: std::ops::Range<usize> = 0..9;
const BASELINE: std::ops::Range<usize> = 9..18;
const FLOOR: std::ops::Range<usize> = 18..27;
const GOAL: std::ops::Range<usize> = 27..40;

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is about.
    pub metric: String,
    /// What was reached.
    pub ours: f64,
    /// What a named baseline reaches, as text; empty where there is none.
    pub baseline: String,
    /// What no estimator can beat, as text; empty where unknown.
    pub floor: String,
    /// `<= x`, `>= x`, `a-b`, or empty.
    pub goal: String,
}

/// Figures under one heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// What a value should be.
enum Goal {
    Below(f64),
    Above(f64),
    Within(f64, f64),
}

impl Row {
    fn goal(&self) -> Option<Goal> {
        if let Some(limit) = self.goal.strip_prefix("<= ") {
            return limit.parse().ok().map(Goal::Below);
        }
        if let Some(limit) = self.goal.strip_prefix(">= ") {
            return limit.parse().ok().map(Goal::Above);
        }
        // The first bound may be negative, so its sign does not part the two.
        let (low, high) = self.goal.split_at_checked(1)?;
        let (rest, high) = high.split_once('-')?;
        Some(Goal::Within(format!("{low}{rest}").parse().ok()?, high.parse().ok()?))
    }

    /// Whether the goal is met; `None` without one.
    pub fn met(&self) -> Option<bool> {
        Some(match self.goal()? {
            Goal::Below(limit) => self.ours <= limit,
            Goal::Above(limit) => self.ours >= limit,
            Goal::Within(low, high) => (low..=high).contains(&self.ours),
        })
    }

    /// How far a value is on the wrong side, so that larger is worse.
    fn badness(&self) -> Option<f64> {
        Some(match self.goal()? {
            Goal::Below(_) => self.ours,
            Goal::Above(_) => -self.ours,
            Goal::Within(low, high) => (low - self.ours).max(self.ours - high).max(0.0),
        })
    }

    fn worse_than(&self, committed: &Self) -> bool {
        let (Some(now), Some(before)) = (self.badness(), committed.badness()) else { return false };
        now > before + TOLERANCE + TOLERANCE_SHARE * committed.ours.abs()
    }
}

/// Reads the tables that a scorecard of the engine prints. Rows of cost are left out: they are another machine's.
pub fn read_printed(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        if lines.get(index + 1).is_some_and(|next| is_heading(next)) {
            sections.push(Section { title: (*line).to_owned(), rows: Vec::new() });
        } else if let Some(section) = sections.last_mut().filter(|_| !is_heading(line)) {
            section.rows.extend(read_row(line));
        }
    }
    sections.retain(|section| section.title != "Cost");
    sections
}

fn is_heading(line: &str) -> bool {
    line.starts_with("metric ") && line.contains(" ours baseline ")
}

/// Columns are counted from the right, since a long metric pushes them.
fn read_row(line: &str) -> Option<Row> {
    let line = ["met", "MISSED"].iter().find_map(|verdict| line.strip_suffix(verdict)).unwrap_or(line);
    let line = line.strip_suffix(' ').unwrap_or(line);
    let letters: Vec<char> = line.chars().collect();
    let start = letters.len().checked_sub(GOAL.end)?;
    let column = |range: std::ops::Range<usize>| -> String {
        letters[start + range.start..start + range.end].iter().collect::<String>().trim().to_owned()
    };
    let metric: String = letters[..start].iter().collect::<String>().trim().to_owned();
    let ours = column(OURS).parse().ok()?;
    Some(Row { metric, ours, baseline: column(BASELINE), floor: column(FLOOR), goal: column(GOAL) })
}

/// The table as Markdown.
pub fn markdown(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        let _ = write!(
            text,
            "\n## {}\n\n| metric | ours | baseline | floor | goal | |\n|---|---|---|---|---|---|\n",
            section.title
        );
        for row in &section.rows {
            let Row { metric, ours, baseline, floor, goal } = row;
            let metric = metric.replace('|', ESCAPED_BAR);
            let verdict = match row.met() {
                Some(true) => "met",
                Some(false) => "**missed**",
                None => "",
            };
            let _ = writeln!(text, "| {metric} | {ours:.3} | {baseline} | {floor} | {goal} | {verdict} |");
        }
    }
    text
}

/// Reads a table that `markdown` wrote.
///
/// # Errors
/// Names the first line that is no row.
pub fn read_markdown(text: &str) -> Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section { title: title.to_owned(), rows: Vec::new() });
        }
        let is_row = line.starts_with("| ") && !line.starts_with("| metric ");
        if let Some(section) = sections.last_mut().filter(|_| is_row) {
            let line = line.replace(ESCAPED_BAR, HIDDEN_BAR);
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [metric, ours, baseline, floor, goal, ..] = cells[..] else {
                anyhow::bail!("no row of the table: {line}");
            };
            let ours = ours.parse().with_context(|| format!("no figure in: {line}"))?;
            let [metric, baseline, floor, goal] =
                [metric, baseline, floor, goal].map(|cell| cell.replace(HIDDEN_BAR, "|"));
            section.rows.push(Row { metric, ours, baseline, floor, goal });
        }
    }
    Ok(sections)
}

/// One line for each row that became worse than committed.
pub fn worse(now: &[Section], committed: &[Section]) -> Vec<String> {
    let rows = |sections: &[Section]| -> BTreeMap<(String, String), Row> {
        let keyed = |section: &Section, row: &Row| ((section.title.clone(), row.metric.clone()), row.clone());
        sections.iter().flat_map(|section| section.rows.iter().map(move |row| keyed(section, row))).collect()
    };
    let committed = rows(committed);
    let told = |((title, metric), row): ((String, String), Row)| {
        let before = committed.get(&(title.clone(), metric.clone()))?;
        let (ours, was, goal) = (row.ours, before.ours, &row.goal);
        row.worse_than(before).then(|| format!("{title}: {metric}: {was:.3} -> {ours:.3} (goal {goal})"))
    };
    rows(now).into_iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
Rush with a profile that is off by 20 %
metric                                                               ours baseline    floor         goal
length MARE (Q >= 10), p 0.1                                        0.259    0.371              <= 0.300 met
now RMSE, |N(0, 30 s)|                                              0.037    0.254                       
settled bias                                                        0.002    0.249            -0.01-0.01 met
a metric so long that it pushes all that follows to the right of its column    0.942                       >= 0.960 MISSED
Cost
metric                                                               ours baseline    floor         goal
event, us                                                          10.320                      <= 50.000 met
";

    #[test]
    fn printed_tables_become_markdown_and_come_back() {
        let sections = read_printed(PRINTED);
        assert_eq!(sections.len(), 1);
        let rows = &sections[0].rows;
        let met: Vec<Option<bool>> = rows.iter().map(Row::met).collect();
        assert_eq!(met, [Some(true), None, Some(true), Some(false)]);
        assert_eq!((rows[1].baseline.as_str(), rows[1].floor.as_str()), ("0.254", ""));
        assert_eq!(rows[3].ours, 0.942);
        assert_eq!(read_markdown(&markdown(&sections)).expect("reads"), sections);
    }

    #[test]
    fn only_what_became_worse_beyond_the_tolerance_is_told() {
        let committed = read_printed(PRINTED);
        let mut now = committed.clone();
        now[0].rows[0].ours = 0.27;
        now[0].rows[1].ours = 9.0;
        now[0].rows[3].ours = 0.95;
        assert_eq!(worse(&now, &committed), Vec::<String>::new());
        now[0].rows[0].ours = 0.28;
        now[0].rows[3].ours = 0.9;
        assert_eq!(
            worse(&now, &committed),
            [
                "Rush with a profile that is off by 20 %: a metric so long that it pushes all that follows to the right of its column: 0.942 -> 0.900 (goal >= 0.960)",
                "Rush with a profile that is off by 20 %: length MARE (Q >= 10), p 0.1: 0.259 -> 0.280 (goal <= 0.300)",
            ]
        );
    }
}
