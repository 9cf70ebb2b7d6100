// Where a label fits inside a zone.
// In: a zone's outline, the label's size, boxes it should keep off, all in pixels. Out: the label's top left
// corner, inside the outline, off the boxes, as near the zone's upper left as that allows. Refuses nothing:
// a zone too small for its label gets it in the middle.

/** Places tried along each side. */
const STEPS = 10;
const MARGIN = 8;

/** Whether a point lies inside an outline (even-odd rule). */
function contains(outline, [x, y]) {
  let inside = false;
  outline.forEach(([x1, y1], index) => {
    const [x2, y2] = outline[(index + 1) % outline.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  });
  return inside;
}

/** The smallest box around points. */
export function boxAround(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

function overlap(a, b) {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Top left corner for a label of a size. */
export function placeLabel(outline, size, obstacles) {
  const box = boxAround(outline);
  const start = { x: box.x + MARGIN, y: box.y + MARGIN };
  const room = { x: box.width - size.width - 2 * MARGIN, y: box.height - size.height - 2 * MARGIN };
  let best = { x: box.x + (box.width - size.width) / 2, y: box.y + (box.height - size.height) / 2, cost: Infinity };
  if (room.x < 0 || room.y < 0) return best;
  for (let step = 0; step < (STEPS + 1) ** 2; step += 1) {
    const place = { x: start.x + (room.x * (step % (STEPS + 1))) / STEPS, y: start.y + (room.y * Math.floor(step / (STEPS + 1))) / STEPS, ...size };
    const corners = [[place.x, place.y], [place.x + size.width, place.y], [place.x, place.y + size.height], [place.x + size.width, place.y + size.height]];
    if (!corners.every((corner) => contains(outline, corner))) continue;
    const covered = obstacles.reduce((sum, obstacle) => sum + overlap(place, obstacle), 0);
    const cost = covered + Math.hypot(place.x - start.x, place.y - start.y) / 4;
    if (cost < best.cost) best = { x: place.x, y: place.y, cost };
  }
  return best;
}
