/**
 * The heat layer: how many people were where, as colour below the plan.
 *
 * In: heat windows. Out: people per square metre by cell, and pixels of a canvas, one per cell, which the browser
 * smooths. It refuses a scale that moves, so that a colour means the same all day: from nobody to one person per
 * square metre, where a crowd gets uncomfortable (Fruin's level of service D begins near it).
 */

/** @typedef {import('./shapes.js').Heat} Heat */
/** @typedef {import('./shapes.js').StoredHeat} StoredHeat */
/** @typedef {import('./shapes.js').Floor} Floor */
/** @typedef {{columns: number, rows: number, cell_m: number, per_m2: Float64Array}} Grid */

/** People per square metre at full colour. */
export const DENSITY_FULL = 1;
/** Opacity at full colour; the plan must stay readable through it. */
const ALPHA_FULL = 0.7;
/** A running window younger than this is shown together with the one before. */
const YOUNG_US = 5 * 60_000_000;
/** Pixels of the canvas per metre. */
const PIXELS_PER_M = 12;

/** Opacity of a density: the root makes thin crowds visible. @param {number} density */
export function opacity(density) {
  return ALPHA_FULL * Math.sqrt(Math.min(1, density / DENSITY_FULL));
}

/**
 * Windows to show where there is no live layer, and since when.
 * @param {{running?: Heat, ended?: Heat} | undefined} known
 * @returns {Heat[]}
 */
export function windowsShown(known) {
  const { running, ended } = known ?? {};
  if (!running) return ended ? [ended] : [];
  const young = running.to_us - running.from_us < YOUNG_US;
  return young && ended && ended.columns === running.columns ? [ended, running] : [running];
}

/** People of the last minutes. @param {Heat | undefined} window @returns {Grid | null} */
export function liveGrid(window) {
  if (!window?.live?.length) return null;
  const grid = emptyGrid(window);
  window.live.forEach(([cell, thousandths]) => (grid.per_m2[cell] += thousandths / 1000 / window.cell_m ** 2));
  return grid;
}

/** The mean over windows; those with other cells than the newest are left out. @param {StoredHeat[]} windows @returns {Grid | null} */
export function meanGrid(windows) {
  const newest = windows.at(-1);
  if (!newest) return null;
  const alike = windows.filter(({ columns, rows, cell_m }) => columns === newest.columns && rows === newest.rows && cell_m === newest.cell_m);
  const seconds = alike.reduce((sum, heat) => sum + (heat.to_us - heat.from_us) / 1e6, 0);
  const grid = emptyGrid(newest);
  if (seconds <= 0) return grid;
  for (const heat of alike) {
    heat.cells.forEach(([cell, person_s]) => (grid.per_m2[cell] += person_s / seconds / newest.cell_m ** 2));
  }
  return grid;
}

/** What is more, or less, in the first than in the second. @param {Grid} first @param {Grid} second @returns {Grid | null} */
export function difference(first, second) {
  if (first.columns !== second.columns || first.rows !== second.rows || first.cell_m !== second.cell_m) return null;
  return { ...first, per_m2: first.per_m2.map((density, cell) => density - second.per_m2[cell]) };
}

/** People on all cells together. @param {Grid} grid */
export function peopleOn(grid) {
  return grid.per_m2.reduce((sum, density) => sum + density, 0) * grid.cell_m ** 2;
}

/**
 * Colours a canvas: what is more than nothing in `--heat`, what is less in `--less`.
 * @param {HTMLCanvasElement} canvas @param {Grid | null} grid @param {Floor} floor
 */
export function drawHeat(canvas, grid, floor) {
  const context = canvas.getContext('2d');
  canvas.width = Math.max(1, Math.round(floor.width_m * PIXELS_PER_M));
  canvas.height = Math.max(1, Math.round(floor.depth_m * PIXELS_PER_M));
  if (!context || !grid) return;
  context.imageSmoothingQuality = 'high';
  // The grid may reach beyond the floor; its first row is at the bottom.
  const [width, height] = [grid.columns * grid.cell_m * PIXELS_PER_M, grid.rows * grid.cell_m * PIXELS_PER_M];
  context.drawImage(onePixelACell(grid), 0, canvas.height - height, width, height);
}

/** @param {{columns: number, rows: number, cell_m: number}} shape @returns {Grid} */
function emptyGrid({ columns, rows, cell_m }) {
  return { columns, rows, cell_m, per_m2: new Float64Array(columns * rows) };
}

/** @param {Grid} grid */
function onePixelACell({ columns, rows, per_m2 }) {
  const small = document.createElement('canvas');
  [small.width, small.height] = [columns, rows];
  const context = /** @type {CanvasRenderingContext2D} */ (small.getContext('2d'));
  const image = context.createImageData(columns, rows);
  const [more, less] = [colour('--heat'), colour('--less')];
  per_m2.forEach((density, cell) => {
    const [column, row] = [cell % columns, rows - 1 - Math.floor(cell / columns)];
    const alpha = Math.round(255 * opacity(Math.abs(density)));
    image.data.set([...(density < 0 ? less : more), alpha], 4 * (row * columns + column));
  });
  context.putImageData(image, 0, 0);
  return small;
}

/** @param {string} name  of a property with three numbers */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim().split(' ').map(Number);
}
