// Repeats: members are taken out of a folded row, one or all, and put together again.

// For an item in the place of a folded one: the folded one. For a folded one: the items in its place.
const origins = new WeakMap();
const parts = new WeakMap();

// Put an item for each group of its members in the place of a folded one, and return these.
function replaceBy(folded, groups) {
  hideMenu();
  const items = groups.map((names) => copyOf(folded, names));
  for (const item of items) origins.set(item, folded);
  parts.set(folded, items);
  folded.replaceWith(...items);
  return items;
}

// Whether the members of an item differ in sizes: a copy of its row would show ranges, not a member.
const isSimilar = (item) => Boolean(item.querySelector(".bmvis-similar"));

// Take some members out of a folded item, in one item, and leave the rest in another; null where all are taken.
function split(folded, names) {
  if (isSimilar(folded)) return null;
  const rest = namesOf(folded).filter((name) => !names.includes(name));
  if (!rest.length) return null;
  const isFirst = names.includes(namesOf(folded)[0]);
  return replaceBy(folded, isFirst ? [names, rest] : [rest, names]);
}

// An item for each member.
const unfold = (folded) => replaceBy(folded, namesOf(folded).map((name) => [name]));

// The items on the page in the place of a folded one; itself where it was not taken apart.
const membersOf = (item) => parts.get(item)?.flatMap(membersOf) ?? [item];

// Undo all that was done to a folded item.
function merge(folded) {
  const [first, ...others] = membersOf(folded);
  if (!first.isConnected) return;
  hideMenu();
  first.replaceWith(folded);
  others.forEach((item) => item.remove());
  forgetParts(folded);
}

function forgetParts(folded) {
  parts.get(folded)?.forEach(forgetParts);
  parts.delete(folded);
}

// Undo what was done to the folded item that an item was taken out of, at first; return the folded one.
function foldAgain(item) {
  let folded = item;
  while (origins.has(folded)) folded = origins.get(folded);
  merge(folded);
  return folded;
}

// A copy of a folded item for some of its members.
function copyOf(folded, names) {
  const item = folded.cloneNode(true);
  const label = rowOf(item).querySelector("b");
  const share = names.length / namesOf(folded).length;
  const whole = wholeOf(rootOf(folded));
  moveIds(item, folded.id, siblingId(folded, names[0]));
  moveTies(item, pathOf(folded), names[0]);
  for (const amount of all(item, "data")) rescale(amount, share, whole);
  for (const mark of all(item, "[data-n]")) mark.dataset.n = Math.round(mark.dataset.n * share);
  label.textContent = labelOf(names);
  label.removeAttribute("title");
  label.dataset.x = names.length;
  // It may have other marks, such as that of a comparison.
  label.classList.toggle("bmvis-x", names.length > 1);
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

// Show the amount for a share of its modules, in its bar and its tooltip, `10 parameters each, 12 times: 6 %; 40 bytes`.
// Where members share tensors with one another, the share of a few of them is not known: the tooltip leaves it out.
function rescale(amount, share, whole) {
  const [, each, written, percentage, rest] = amount.title.match(AMOUNT) ?? [];
  if (!each) return;
  const times = Number(written ?? 1);
  const left = Math.round(times * share);
  const isApart = percent(amount.value * times, whole) === percentage;
  const part = left === 1 || isApart ? amount.value * left : null;
  const repeated = left > 1 ? ` each, ${left} times` : "";
  amount.title = `${each}${repeated}${part === null ? "" : `: ${percent(part, whole)}`}; ${rest}`;
  // SHARE_STEPS of the renderer.
  if (part !== null) amount.dataset.s = Math.max(1, Math.round((part / whole) * 20));
}

// Read a tree again whose items changed, and return `item`.
function refresh(item) {
  const root = rootOf(item);
  const memory = memoryOf(root);
  memory.index = null;
  memory.taken = [];
  if (memory.closed) filterTree(root);
  showPicks(root);
  return item;
}
