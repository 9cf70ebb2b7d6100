//! Heat maps for other programs: CSV, pictures and GeoJSON.
//!
//! In: the database, a floor and a range of event time. Out: bytes of a file. CSV has a line per window and cell;
//! a picture and GeoJSON show the range as one map. It refuses nothing: a range without heat is an empty map.

use crate::cli::{Failure, load_config, load_venue};
use crate::store::heat::StoredHeat;
use crate::store::{open_reader, query};
use anyhow::Context;
use clap::{Args, ValueEnum};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// Pixels along a cell's side.
const CELL_PIXELS: usize = 8;

/// Opaque from this many person-seconds in each second and 10 m² on: a crowd in which one can still walk.
const DENSE: f64 = 10.0;

/// Pixels of a picture: a floor of 500 by 500 cells. Larger floors get one pixel a cell.
const PIXELS_MAX: usize = 16_000_000;

/// Options of `export heat`.
#[derive(Args, Debug)]
pub struct HeatArguments {
    /// Configuration of the board whose database is read.
    #[arg(long, default_value = "gateway.toml")]
    config: PathBuf,
    /// Floor; the first of the floor plan where it is left out.
    #[arg(long)]
    floor: Option<String>,
    /// Start, microseconds since 1970; everything stored where it is left out.
    #[arg(long, default_value_t = 0)]
    from_us: i64,
    /// End, microseconds since 1970.
    #[arg(long, default_value_t = i64::MAX)]
    to_us: i64,
    /// Length of the windows told, microseconds: 3600000000 for hours, 86400000000 for days.
    #[arg(long)]
    resolution_us: Option<i64>,
    /// What to write.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// File to write; standard output where it is left out.
    #[arg(short, long)]
    output: Option<PathBuf>,
}

/// Shape of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Windows with their cells.
    #[default]
    Json,
    /// A line per window and cell.
    Csv,
    /// A picture: the more people, the less transparent.
    Png,
    /// A square per cell. Places are metres of the floor plan, not of the Earth.
    Geojson,
}

impl Format {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Png => "image/png",
            Self::Geojson => "application/geo+json",
        }
    }
}

/// Runs `export heat`.
///
/// # Errors
/// Where the configuration is broken, the database cannot be read or the file not be written.
pub fn run(asked: &HeatArguments) -> Result<(), Failure> {
    let config = load_config(&asked.config)?;
    let venue = load_venue(&config.venue)?;
    let known: Vec<&str> = venue.floors.iter().map(|floor| floor.name.as_str()).collect();
    let floor = asked.floor.as_deref().unwrap_or(known[0]);
    if !known.contains(&floor) {
        return Err(Failure::Configuration(format!("no floor \"{floor}\"; known are: {}", known.join(", "))));
    }
    let database = config.data.join(crate::session::DATABASE);
    let connection = open_reader(&database).map_err(anyhow::Error::from)?;
    let range = (asked.from_us, asked.to_us);
    let bytes = heat(&connection, floor, range, asked.resolution_us, asked.format)
        .with_context(|| format!("{}: cannot be read", database.display()))?;
    match &asked.output {
        Some(path) => std::fs::write(path, bytes).with_context(|| format!("{}: cannot be written", path.display()))?,
        None => std::io::stdout().write_all(&bytes)?,
    }
    Ok(())
}

/// The heat of a floor in `[from_us, to_us)` as bytes of a file.
///
/// # Errors
/// Whatever SQLite says.
pub fn heat(
    connection: &Connection,
    floor: &str,
    (from_us, to_us): (i64, i64),
    resolution_us: Option<i64>,
    format: Format,
) -> rusqlite::Result<Vec<u8>> {
    let windows = query::all_heat(connection, floor, from_us, to_us, resolution_us)?;
    Ok(match format {
        Format::Json => json!(windows.iter().map(window_json).collect::<Vec<_>>()).to_string().into_bytes(),
        Format::Csv => csv(floor, &windows).into_bytes(),
        Format::Png => png(&one_map(windows)),
        Format::Geojson => geojson(floor, &one_map(windows)).to_string().into_bytes(),
    })
}

/// A window as JSON.
pub fn window_json(window: &StoredHeat) -> Value {
    json!({
        "from_us": window.from_us, "to_us": window.to_us, "closed": window.closed, "cell_m": window.cell_m,
        "columns": window.columns, "rows": window.rows, "cells": window.cells,
    })
}

fn csv(floor: &str, windows: &[StoredHeat]) -> String {
    let mut text = String::from("from_us,to_us,floor,cell,x_m,y_m,person_s\n");
    let floor =
        if floor.contains([',', '"', '\n']) { format!("\"{}\"", floor.replace('"', "\"\"")) } else { floor.into() };
    for window in windows {
        for (cell, person_s) in &window.cells {
            let [x_m, y_m] = corner_m(window, *cell).map(|corner_m| corner_m + window.cell_m / 2.0);
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{},{},{floor},{cell},{x_m},{y_m},{person_s}", window.from_us, window.to_us);
        }
    }
    text
}

/// All windows of the newest one's cells in one. Its time is that of the windows, without what lies between them.
fn one_map(windows: Vec<StoredHeat>) -> Option<(StoredHeat, f64)> {
    let newest = windows.last()?.clone();
    let mut sum = StoredHeat { cells: Vec::new(), ..newest.clone() };
    let mut watched_s = 0.0;
    for window in windows.iter().filter(|window| window.has_cells_of(&newest)) {
        sum.add(window);
        watched_s += (window.to_us - window.from_us) as f64 / 1e6;
    }
    Some((sum, watched_s))
}

fn corner_m(window: &StoredHeat, cell: u32) -> [f64; 2] {
    let columns = u32::from(window.columns).max(1);
    [cell % columns, cell / columns].map(|place| f64::from(place) * window.cell_m)
}

fn geojson(floor: &str, map: &Option<(StoredHeat, f64)>) -> Value {
    let feature = |map: &StoredHeat, watched_s: f64, cell: u32, person_s: u64| {
        let ([x, y], side) = (corner_m(map, cell), map.cell_m);
        let ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]];
        json!({
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"floor": floor, "cell": cell, "person_s": person_s, "people": person_s as f64 / watched_s.max(1.0)},
        })
    };
    let features: Vec<Value> = map
        .iter()
        .flat_map(|(map, watched_s)| {
            map.cells.iter().map(move |(cell, person_s)| feature(map, *watched_s, *cell, *person_s))
        })
        .collect();
    json!({"type": "FeatureCollection", "coordinates_are": "metres of the floor plan", "features": features})
}

/// One colour, more opaque where more people were. The plan's y goes up, a picture's down.
fn png(map: &Option<(StoredHeat, f64)>) -> Vec<u8> {
    let (columns, rows) = map.as_ref().map_or((1, 1), |(map, _)| (usize::from(map.columns), usize::from(map.rows)));
    let side = if columns * rows * CELL_PIXELS * CELL_PIXELS > PIXELS_MAX { 1 } else { CELL_PIXELS };
    let (width, height) = (columns * side, rows * side);
    let mut pixels = vec![0u8; width * height * 4];
    if let Some((map, watched_s)) = map {
        let full = DENSE / 10.0 * map.cell_m * map.cell_m * watched_s.max(1.0);
        for (cell, person_s) in map.cells.iter().filter(|(cell, _)| (*cell as usize) < columns * rows) {
            let (column, row) = (*cell as usize % columns, rows - 1 - *cell as usize / columns);
            let opacity = ((*person_s as f64 / full).clamp(0.0, 1.0).sqrt() * 255.0) as u8;
            for line in row * side..(row + 1) * side {
                let from = (line * width + column * side) * 4;
                for pixel in pixels[from..from + side * 4].chunks_exact_mut(4) {
                    pixel.copy_from_slice(&[200, 60, 20, opacity]);
                }
            }
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.expect("memory takes what is written, and there are as many pixels as the header says");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from_s: i64, cells: &[(u32, u64)]) -> StoredHeat {
        let from_us = from_s * 1_000_000;
        let to_us = from_us + 900_000_000;
        StoredHeat { from_us, to_us, closed: true, cell_m: 2.0, columns: 3, rows: 2, cells: cells.to_vec() }
    }

    #[test]
    fn csv_has_the_middle_of_each_cell() {
        let text = csv("bar, upper", &[window(0, &[(0, 5), (4, 7)])]);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines, ["0,900000000,\"bar, upper\",0,1,1,5", "0,900000000,\"bar, upper\",4,3,3,7"]);
    }

    #[test]
    fn geojson_adds_windows_up() {
        let map = geojson("ground", &one_map(vec![window(0, &[(4, 7)]), window(900, &[(4, 1_793)])]));
        assert_eq!(map["features"][0]["properties"]["person_s"], 1_800);
        assert_eq!(map["features"][0]["properties"]["people"], 1.0);
        assert_eq!(map["features"][0]["geometry"]["coordinates"][0][2], json!([4.0, 4.0]));
    }

    #[test]
    fn a_picture_is_as_opaque_as_the_crowd_is_dense_and_has_its_first_row_at_the_bottom() {
        let bytes = png(&one_map(vec![window(0, &[(0, 1_000_000), (5, 90)])]));
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a picture");
        let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
        let frame = reader.next_frame(&mut pixels).expect("reads");
        assert_eq!((frame.width, frame.height), (24, 16));
        let opacity = |x: usize, y: usize| pixels[(y * 24 + x) * 4 + 3];
        assert_eq!((opacity(0, 15), opacity(0, 0)), (255, 0));
        assert!((1..60).contains(&opacity(23, 0)), "{}", opacity(23, 0));
        assert!(!png(&None).is_empty(), "no heat is an empty picture");
    }
}
