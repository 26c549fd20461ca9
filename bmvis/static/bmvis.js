// It listens on the document: trees can arrive later.
(() => {
if (window.bmvis) return;
window.bmvis = true;

const on = (kind, act) => document.addEventListener(kind, act);
const ROW = ".bmvis-tree li > details > summary, .bmvis-tree li > div";

const itemOf = (row) => row.closest("li");
const rootOf = (element) => element.closest(".bmvis");
const rowOf = (item) => item.querySelector(":scope > details > summary, :scope > div");
const above = (item) => item.parentElement.closest(".bmvis-tree li");
const all = (root, selector) => [...root.querySelectorAll(selector)];
const say = (root, words) => (root.querySelector("output").textContent = words);
const button = (does, label = does, title = label, more = "") =>
  `<button data-do="${does}" title="${title}" ${more}>${label}</button>`;
const make = (name, html) =>
  Object.assign(document.createElement("section"), { className: `bmvis-${name}`, innerHTML: html });

// An item's id is `anchor.path`; `~20~` is a character that an id cannot hold.
const pathOf = (item) => item.id.slice(rootOf(item).id.length + 1)
  .replace(/~(\w+)~/g, (_, code) => String.fromCodePoint(parseInt(code, 16)));
const lastOf = (path) => path.slice(path.lastIndexOf(".") + 1);

// All names of an item; its own where the label does not tell.
const namesOf = (item) => {
  const own = lastOf(pathOf(item)), label = rowOf(item).querySelector(".bmvis-x");
  const names = (label?.title || label?.textContent || "").split(/, ?/).flatMap((part) => {
    const [first, last] = part.split("-");
    return /^\d+-\d+$/.test(part) ? Array.from({ length: last - first + 1 }, (_, n) => `${+first + n}`) : part;
  });
  return names.includes(own) && names.length == label?.dataset.x ? names : [own];
};

// For each level: what stands before its name, and its names.
const chainOf = (item) => {
  const path = item?.id && pathOf(item);
  if (!path) return [];
  let up = above(item);
  while (!up.id || !path.startsWith(pathOf(up) && pathOf(up) + ".")) up = above(up);
  const cut = (path) => path.slice(pathOf(up).length).replace(/^\./, ""), own = cut(path);
  const others = rowOf(item).querySelector("[data-p]")?.dataset.p.split(" ").map(cut);
  return [...chainOf(up), others ? ["", others] : [own.slice(0, own.length - lastOf(own).length), namesOf(item)]];
};
const pathsOf = (item) => chainOf(item).reduce((paths, [before, names]) =>
  paths.flatMap((path) => names.map((name) => (path && path + ".") + before + name)), [""]).filter(Boolean);

const indexOf = (root) => {
  const places = new Map();
  return (root.rows ??= all(root, ".bmvis-tree li").map((item, at) => {
    places.set(item, at);
    const row = rowOf(item);
    return { item, row, text: row.textContent.toLowerCase(), up: places.get(above(item)) };
  }));
};

const filter = (root) => {
  const words = root.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
  const states = all(root, '[aria-pressed="true"]').map((entry) =>
    entry.className.replace(/(\S+) ?/g, ".$1") + (entry.className === "bmvis-p" ? ":not(.bmvis-frozen, .bmvis-buffer)" : ""));
  const rows = indexOf(root), kept = [], active = words.concat(states).length > 0;
  if (active) root.closed ??= all(root, deeper(0)).filter((one) => !one.open);
  let hits = 0;
  for (let at = rows.length; at--; ) {
    const { row, text, up } = rows[at];
    const hit = active && words.every((word) => text.includes(word)) && states.every((state) => row.querySelector(state));
    if (active && kept[at]) row.parentElement.open = true;
    if (hit || !active) kept[at] = true;
    if (kept[at]) kept[up] = true;
    row.classList.toggle("bmvis-hit", hit);
    hits += hit;
  }
  rows.forEach(({ item, up }, at) => { // below a hidden row all is hidden
    if ((kept[up] ?? true) && item.hidden === !!kept[at]) item.hidden = !kept[at];
  });
  if (!active && root.closed) {
    for (const one of root.closed) one.open = false;
    root.closed = null;
  }
  say(root, active ? `${hits} of ${rows.length} rows` : "");
};

const copy = async (root, text) => {
  say(root, text); // no clipboard: an insecure origin
  await navigator.clipboard.writeText(text);
  say(root, `copied ${text}`);
};

const named = (item, name) => item.id.replace(/[^.]*$/, () => name);

// Put an item for each name for a folded one; `foldAgain` undoes it.
const unfold = (folded) => {
  const names = namesOf(folded), own = folded.id;
  actions.remove();
  const items = names.map((name) => {
    const item = folded.cloneNode(true), label = rowOf(item).querySelector("b");
    const moved = (id) => (`${id}.`.startsWith(`${own}.`) ? named(folded, name) + id.slice(own.length) : id);
    for (const one of [item, ...all(item, "[id]")]) one.id = moved(one.id);
    for (const link of all(item, "a.bmvis-tie")) link.hash = moved(link.hash.slice(1));
    for (const one of all(item, "data, [data-n]")) {
      one.title = one.title.split(" each")[0];
      one.dataset.s = Math.ceil(one.dataset.s / names.length);
      one.dataset.n /= names.length;
    }
    label.textContent = name;
    label.className = label.title = "";
    return item;
  });
  for (const item of items) item.origin = { folded, items };
  folded.replaceWith(...items);
  return changed(items[0]);
};
const foldAgain = ({ folded, items }) => {
  actions.remove();
  items[0].before(folded);
  items.forEach((item) => item.remove());
  return changed(folded);
};
const changed = (item, root = rootOf(item)) => {
  root.rows = null;
  filter(root);
  showPicks(root);
  return item;
};

// Texts that name the picked modules alone.
const picked = (root) => all(root, ".bmvis-picked").map(itemOf);
const showPicks = (root) => {
  const count = new Set(picked(root).flatMap(pathsOf)).size, tray = root.querySelector(".bmvis-picks");
  tray.hidden = !count;
  tray.firstChild.textContent = `Modules picked: ${count}. Copy`;
};
const ends = (path) => path.split(".").map((_, at, parts) => parts.slice(at).join(".")).reverse();
const countEnds = (paths) => {
  const counts = Object.create(null);
  for (const end of [...new Set(paths)].flatMap(ends)) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
};
// The shortest ends of paths that do, or null.
const listOf = (root, paths) => {
  const every = countEnds(indexOf(root).flatMap(({ item }) => pathsOf(item))), mine = countEnds(paths);
  const cut = root.querySelector(".bmvis-tree small"); // not all shown: whole paths are safe
  const found = paths.map((path) => ends(path).find((end) => every[end] === mine[end] && (!cut || end === path)));
  return found.includes(undefined) ? null : `["${[...new Set(found)].join('", "')}"]`;
};
const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
const oneOf = (texts) => (texts[1] ? `(?:${texts.join("|")})` : texts[0]);
const regexOf = (items) => oneOf(items.map((item) =>
  chainOf(item).map(([before, names]) => escaped(before) + oneOf(names.map(escaped))).join("\\.")));
const copyPicks = (root, _, { dataset: { do: what } }) => {
  const items = picked(root), regex = regexOf(items), list = listOf(root, items.flatMap(pathsOf));
  copy(root, what === "regex" ? regex : `${what}=${list ?? (what[0] === "t" ? `r"${regex}"` : `[r"[r]^${regex}$"]`)}`);
};

// One set of row actions, where the pointer or the focus is.
const actions = make("actions", `<details><summary aria-label="Row actions" title="Row actions (m)">⋯</summary>${
  button("path", "path", "Copy as Python")}${button("key", "key", "Copy as state-dict key")}${
  button("link", "link", "Copy a link")}${button("unfold")}${button("pick", "pick", "Pick for target_modules")}</details>`);
const menu = actions.firstChild, [opener, , , , repeat] = menu.children;
const showActions = (row) => {
  const item = itemOf(row);
  if (!item.id || !pathOf(item) || item === actions.parentElement) return;
  menu.open = false;
  repeat.hidden = !namesOf(item)[1] && !item.origin;
  repeat.textContent = repeat.title = item.origin ? "fold" : "unfold";
  item.prepend(actions);
};
const focus = (row) => {
  if (row.localName === "div") row.tabIndex = -1;
  row.focus();
};

const deeds = {
  level: (root, _, { dataset: { level } }) => all(root, deeper(0)).forEach((one) => (one.open = !one.matches(deeper(level)))),
  state: (root, _, entry) => {
    entry.ariaPressed = entry.ariaPressed !== "true";
    filter(root);
  },
  path: (root, item) => copy(root, pathOf(item).replace(/(^|\.)(\d+)(?=\.|$)/g, "[$2]")),
  key: (root, item) => copy(root, pathOf(item)),
  link: (root, item) => copy(root, new URL("#" + item.id, location).href),
  pick: (root, item) => showPicks(root, rowOf(item).classList.toggle("bmvis-picked")),
  unfold: (root, item) => focus(rowOf(item.origin ? foldAgain(item.origin) : unfold(item))),
  clear: (root) => picked(root).forEach((item) => deeds.pick(root, item)),
};

const step = (row, by) => {
  const rows = all(rootOf(row), ROW);
  let at = rows.indexOf(row) + by;
  while (rows[at] && !rows[at].checkVisibility()) at += by;
  if (rows[at]) focus(rows[at]);
};
const keys = {
  ArrowDown: (row) => step(row, 1),
  ArrowUp: (row) => step(row, -1),
  ArrowRight: (row, { open }) => (open === false ? row.click() : step(row, 1)),
  ArrowLeft: (row, { open }) => (open ? row.click() : focus(rowOf(above(itemOf(row)) ?? itemOf(row)))),
  m: () => opener.focus(),
};

on("keydown", (event) => {
  const { target, key } = event, item = actions.parentElement;
  if (key === "Escape" && item?.contains(target)) {
    menu.open = false;
    focus(rowOf(item));
  } else if (keys[key] && target.matches(ROW) && !(event.ctrlKey || event.metaKey || event.altKey)) {
    keys[key](target, target.parentElement);
    event.preventDefault();
  }
});
on("click", ({ target }) => {
  const does = target.closest(".bmvis [data-do]"), leaf = target.closest(".bmvis-tree li > div");
  if (does) (deeds[does.dataset.do] ?? copyPicks)(rootOf(does), itemOf(does), does);
  else if (leaf && !target.closest("a")) focus(leaf);
});
const meet = ({ type, target }) => {
  const row = target.closest(ROW);
  if (row && (type === "focusin" || !actions.querySelector("[open], :focus-visible"))) showActions(row);
};
on("pointerover", meet);
on("focusin", meet);
on("input", ({ target }) => target.closest(".bmvis-tools") && filter(rootOf(target)));

const deeper = (level) => `.bmvis-tree ${"li ".repeat(level)}li > details`;
const equip = (tree) => {
  const levels = [0, 1, 2, 3, 4].filter((level) => tree.querySelector(deeper(level))).map((level) =>
    button("level", level || "−", level ? `Open to level ${level}` : "Collapse all", `data-level=${level}`));
  tree.before(make("tools", `<input type="search" placeholder="Filter" aria-label="Filter rows" spellcheck="false"><output></output>
    <span role="group" aria-label="Levels">${levels.join("")}${button("level", "+", "Expand all", "data-level=999")}</span>`));
  tree.after(make("picks", `<span role="status"></span>${button("target_modules")}${
    button("modified_modules")}${button("regex", "regular expression")}${button("clear")}`));
  showPicks(tree.parentElement);
  for (const entry of all(tree.parentElement, ".bmvis-legend > span"))
    entry.outerHTML = entry.outerHTML.replaceAll("span", "button").replace(" ", ' data-do="state" aria-pressed="false" ');
};

// The item of an id; what folds it is unfolded.
const reach = (id) => {
  const found = document.getElementById(id);
  if (found || !id.includes(".")) return found;
  reach(id.slice(0, id.lastIndexOf(".")));
  const repeat = all(document, ".bmvis-tree .bmvis-x").map(itemOf).find((item) => namesOf(item).some((name) => named(item, name) === id));
  return repeat && unfold(repeat) && document.getElementById(id);
};
const openHash = () => {
  const item = reach(decodeURI(location.hash.slice(1)));
  if (!item?.closest(".bmvis-tree")) return;
  for (let at = item; (at = above(at)); ) rowOf(at).parentElement.open = true;
  rowOf(item).scrollIntoView({ block: "center" });
};

const start = () => {
  all(document, ".bmvis-totals + .bmvis-tree").forEach(equip); // without tools as yet
  openHash();
};
addEventListener("hashchange", openHash);
// Material, Zensical: each page that arrives
const begin = () => window.document$?.subscribe(start) ?? start();
if (document.readyState === "loading") on("DOMContentLoaded", begin);
else begin();
})();
