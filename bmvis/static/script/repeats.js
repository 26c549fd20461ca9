// Repeats: a folded row becomes a row for each of its members, and one row again.

// For each item that unfolding made: the folded item, and all items in its place.
const origins = new WeakMap();

// Put an item for each member in the place of a folded one, and return the first.
function unfold(folded) {
  const names = namesOf(folded);
  hideMenu();
  const items = names.map((name) => memberOf(folded, name, names.length));
  for (const item of items) origins.set(item, { folded, items });
  folded.replaceWith(...items);
  return refresh(items[0]);
}

// Undo it, and return the folded item.
function foldAgain({ folded, items }) {
  hideMenu();
  items[0].before(folded);
  items.forEach((item) => item.remove());
  return refresh(folded);
}

// A copy of a folded item for one of its `count` members.
function memberOf(folded, name, count) {
  const item = folded.cloneNode(true);
  const label = rowOf(item).querySelector("b");
  moveIds(item, folded.id, siblingId(folded, name));
  moveTies(item, pathOf(folded), name);
  for (const amount of all(item, "data")) rescale(amount, count, wholeOf(rootOf(folded)));
  for (const mark of all(item, "[data-n]")) mark.dataset.n /= count;
  label.textContent = name;
  label.classList.remove("bmvis-x"); // it may have other marks, such as that of a comparison
  label.removeAttribute("title");
  return item;
}

// Rename the ids at and below an item, and the links to them.
function moveIds(item, from, to) {
  const moved = (id) => (`${id}.`.startsWith(`${from}.`) ? to + id.slice(from.length) : id);
  for (const element of [item, ...all(item, "[id]")]) element.id = moved(element.id);
  for (const link of all(item, "a.bmvis-tie")) link.setAttribute("href", "#" + moved(link.getAttribute("href").slice(1)));
}

// Have the marks of ties and of renamed rows name the member's own paths.
function moveTies(item, from, name) {
  const to = from.slice(0, from.length - lastPart(from).length) + name;
  const pattern = new RegExp(`(^|[ ,])${escapeRegex(from)}(?=\\.)`, "g");
  const attributes = ["title", "aria-label", "data-p"];
  for (const mark of all(item, ".bmvis-tie, [data-p]"))
    for (const attribute of attributes.filter((one) => mark.hasAttribute(one)))
      mark.setAttribute(attribute, mark.getAttribute(attribute).replace(pattern, (_, before) => before + to));
}

// The model's number of parameters, which the line above the tree has exactly.
function wholeOf(root) {
  const total = root.querySelector(".bmvis-totals:not(.bmvis-before) > span");
  return parseInt((total.title || total.textContent).replaceAll(",", ""), 10);
}

// Percent as the tree's tooltips write it: never 0 where there is something, never 100 short of all.
function percent(part, whole) {
  const share = (100 * part) / whole;
  if (share < 0.1) return "<0.1 %";
  if (part < whole && share >= 99.95) return ">99.9 %";
  return `${share.toFixed(1).replace(/\.0$/, "")} %`;
}

const AMOUNT = /^([\d,]+ \w+)(?: each, (\d+) times)?: ([^;]+); (.*)$/;

// Divide the share of an amount, its bar and its tooltip, by `count`: `10 parameters each, 12 times: 6 %; 40 bytes`.
// Where members share tensors with one another, the share of a few of them is not known: the tooltip leaves it out.
function rescale(amount, count, whole) {
  const [, each, written, share, rest] = amount.title.match(AMOUNT) ?? [];
  if (!each) return;
  const times = Number(written ?? 1);
  const left = times / count;
  const isApart = percent(amount.value * times, whole) === share;
  const part = left === 1 || isApart ? amount.value * left : null;
  const repeated = left > 1 ? ` each, ${left} times` : "";
  amount.title = `${each}${repeated}${part === null ? "" : `: ${percent(part, whole)}`}; ${rest}`;
  if (part !== null) amount.dataset.s = Math.max(1, Math.round((part / whole) * 20)); // SHARE_STEPS of the renderer
}

// Read a tree again whose items changed, and return `item`.
function refresh(item) {
  const root = rootOf(item);
  memoryOf(root).index = null;
  filterTree(root);
  showPicks(root);
  return item;
}
