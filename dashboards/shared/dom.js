// Building and updating elements.
// In: names, attributes, text. Out: nodes, touched only where something changed, so that screen readers
// and the browser's layout are left in peace. Refuses HTML text: whatever a name contains is shown as it is.

const SVG = "http://www.w3.org/2000/svg";

/** The element of an id that the page's HTML holds. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

/** A new HTML element; children are nodes or text, empty ones are left out. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** A new SVG element. */
export function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) setAttribute(node, key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** Sets an attribute, or removes it where the value is null. */
export function setAttribute(node, key, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(key)) node.removeAttribute(key);
  } else if (node.getAttribute(key) !== String(value)) {
    node.setAttribute(key, String(value));
  }
}

/** Sets a node's text where it differs. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Makes the children of `parent` match `items` in order, reusing a child by its key.
 * `make(item)` gives a node, `update(node, item)` fills it each time.
 */
export function matchChildren(parent, items, keyOf, make, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    const node = known.get(key) ?? make(item);
    known.delete(key);
    node.dataset.key = key;
    update(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  known.forEach((left) => left.remove());
}
