/**
 * Where a label fits in a zone.
 *
 * In: polygons in metres. Out: a place inside, as far as possible from every edge, and how far that is. Labels
 * are wider than they are high, so distances along x count for less. It refuses nothing: a zone too
 * narrow for its label has little room, and says so.
 */

/** @typedef {import('./shapes.js').Point} Point */

/** Width of a label over its height. */
const LABEL_ASPECT = 2;
/** Places tried along each side. */
const STEPS = 28;
/** Of places with nearly the same room the upper and middle ones are taken, so that labels of a row of zones
 * stand in a row: what a metre aside costs, in metres of room. */
const ASIDE_COST = 0.03;

/**
 * The best place for a label and its room: half the height that fits, metres.
 * @param {Point[]} polygon
 * @param {Point[][]} [avoid]  polygons to keep clear of
 * @returns {{x_m: number, y_m: number, room_m: number}}
 */
export function labelPlace(polygon, avoid = []) {
  const squeeze = (/** @type {Point[]} */ points) => points.map(([x, y]) => /** @type {Point} */ ([x / LABEL_ASPECT, y]));
  const shape = squeeze(polygon);
  const others = avoid.map(squeeze);
  const xs = shape.map(([x]) => x);
  const ys = shape.map(([, y]) => y);
  const [left, bottom] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left, Math.max(...ys) - bottom];
  let best = { x_m: xs[0] * LABEL_ASPECT, y_m: ys[0], room_m: 0 };
  let best_score = -Infinity;
  for (let column = 1; column < STEPS; column += 1) {
    for (let row = 1; row < STEPS; row += 1) {
      /** @type {Point} */
      const place = [left + (width * column) / STEPS, bottom + (height * row) / STEPS];
      const room_m = Math.min(depth(place, shape), ...others.map((other) => -depth(place, other)));
      const aside_m = Math.abs(place[0] - left - width / 2) + (bottom + height - place[1]);
      const score = room_m - ASIDE_COST * aside_m;
      if (score > best_score) [best, best_score] = [{ x_m: place[0] * LABEL_ASPECT, y_m: place[1], room_m }, score];
    }
  }
  return best;
}

/**
 * Distance to the nearest edge; negative outside.
 * @param {Point} place
 * @param {Point[]} polygon
 */
function depth([x, y], polygon) {
  let inside = false;
  let nearest = Infinity;
  polygon.forEach(([x1, y1], index) => {
    const [x2, y2] = polygon[(index + 1) % polygon.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
    const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
    const along = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length));
    nearest = Math.min(nearest, Math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1)));
  });
  return inside ? nearest : -nearest;
}
