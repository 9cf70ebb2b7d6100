/**
 * The heat layer: how many people were where, as colour below the plan.
 *
 * In: heat windows. Out: pixels of a canvas, one per cell, which the browser smooths. It refuses a scale that
 * moves, so that a colour means the same all day: from nobody to one person per square metre, where a crowd gets
 * uncomfortable (Fruin's level of service D begins near it).
 */

/** @typedef {import('../shared/shapes.js').Heat} Heat */
/** @typedef {import('../shared/shapes.js').Floor} Floor */

/** People per square metre at full colour. */
export const DENSITY_FULL = 1;
/** Opacity at full colour; the plan must stay readable through it. */
const ALPHA_FULL = 0.7;
/** A running window younger than this is shown together with the one before. */
const YOUNG_US = 5 * 60_000_000;

/** Opacity of a density: the root makes thin crowds visible. @param {number} density */
export function opacity(density) {
  return ALPHA_FULL * Math.sqrt(Math.min(1, density / DENSITY_FULL));
}

/**
 * Windows to show, and since when.
 * @param {{running?: Heat, ended?: Heat} | undefined} known
 * @returns {Heat[]}
 */
export function windowsShown(known) {
  const { running, ended } = known ?? {};
  if (!running) return ended ? [ended] : [];
  const young = running.to_us - running.from_us < YOUNG_US;
  return young && ended && ended.columns === running.columns ? [ended, running] : [running];
}

/** @param {HTMLCanvasElement} canvas @param {Heat[]} windows @param {Floor} floor */
export function drawHeat(canvas, windows, floor) {
  const context = canvas.getContext('2d');
  const scale = 12;
  canvas.width = Math.max(1, Math.round(floor.width_m * scale));
  canvas.height = Math.max(1, Math.round(floor.depth_m * scale));
  if (!context || windows.length === 0) return;
  const { columns, rows, cell_m } = windows[0];
  const small = cells(windows, columns, rows, cell_m);
  context.imageSmoothingQuality = 'high';
  // The grid may reach beyond the floor; its first row is at the bottom.
  const [width, height] = [columns * cell_m * scale, rows * cell_m * scale];
  context.drawImage(small, 0, canvas.height - height, width, height);
}

/** @param {Heat[]} windows @param {number} columns @param {number} rows @param {number} cell_m */
function cells(windows, columns, rows, cell_m) {
  const seconds = windows.reduce((sum, heat) => sum + (heat.to_us - heat.from_us) / 1e6, 0);
  const small = document.createElement('canvas');
  [small.width, small.height] = [columns, rows];
  const context = /** @type {CanvasRenderingContext2D} */ (small.getContext('2d'));
  const image = context.createImageData(columns, rows);
  const [red, green, blue] = getComputedStyle(canvasColours()).getPropertyValue('--heat').trim().split(' ').map(Number);
  const person_s = new Float64Array(columns * rows);
  windows.forEach((heat) => heat.cells.forEach(([cell, stay_s]) => (person_s[cell] += stay_s)));
  person_s.forEach((stay_s, cell) => {
    const density = seconds > 0 ? stay_s / seconds / cell_m ** 2 : 0;
    const [column, row] = [cell % columns, rows - 1 - Math.floor(cell / columns)];
    image.data.set([red, green, blue, Math.round(255 * opacity(density))], 4 * (row * columns + column));
  });
  context.putImageData(image, 0, 0);
  return small;
}

function canvasColours() {
  return document.documentElement;
}
