// Some members of a folded row, as an item of their own: with their ids, names, sizes and shares.
//
// Members can differ in sizes. Then `data-v` of an element has a value for each, and `data-k` of the label has their names:
// a list for each module of the row above, as in `0 1|0 1 2`. Without `data-k`, each of those has the same names.
// `data-g` has equal numbers for equal members.

const nameElement = (item) => rowOf(item).querySelector("b");
const isVaried = (item) => item.querySelector("[data-v], [data-k]") !== null;

// The lists of names in `data-k`; undefined where there is none.
const listsOf = (item) => nameElement(item)?.dataset.k?.split("|").map((list) => list.split(" ").filter(Boolean).map(decodeName));

// The ids of an item's members, in a list for each module of the row above.
function idsOf(item) {
  const above = parentOf(item);
  if (above) return idsBelow(idsOf(above).flat(), item);
  const { id } = rootOf(item);
  return item.id === `${id}.` ? [[item.id]] : idsBelow([id], item);
}
function idsBelow(parents, item) {
  const above = parents.map((id) => id.replace(/\.$/, ""));
  const first = above.find((id) => item.id.startsWith(`${id}.`));
  // Levels that are not drawn, as in `encoder.`.
  const before = first === undefined ? "" : item.id.slice(first.length + 1, item.id.lastIndexOf(".") + 1);
  const lists = listsOf(item) ?? above.map(() => namesOf(item));
  return lists.map((names, position) => names.map((name) => `${above[position]}.${before}${encodeName(name)}`));
}

// A copy of a folded item for some of its members.
function copyOf(folded, names) {
  const item = folded.cloneNode(true);
  const lists = isVaried(item) ? idsOf(folded) : idsBelow([aboveId(folded.id)], folded);
  const ends = new Set(names.map(encodeName));
  const kept = lists.map((ids) => ids.filter((id) => ends.has(lastPart(id))));
  const root = rootOf(folded);
  keepOnly(item, lists, kept, partOf(lists, kept), { anchor: root.id, whole: wholeOf(root) });
  if (!listsOf(item)) relabel(nameElement(item), [[...ends]]);
  return item;
}

const partOf = (lists, kept) => kept.flat().length / lists.flat().length;

// Keep some members of an item of a tree, and what is below them.
// `lists` and `kept`: the ids of all members, and of those to keep; `share`: the part that is kept of what the row represents.
function keepOnly(item, lists, kept, share, tree) {
  const ids = lists.flat();
  const left = new Set(kept.flat());
  const positions = [...ids.keys()].filter((position) => left.has(ids[position]));
  if (item.id) move(item, ids[positions[0]], tree.anchor);
  if (listsOf(item)) relabel(nameElement(item), kept.map((list) => list.map(lastPart)), positions);
  const isLast = !isVaried(item);
  for (const element of all(isLast ? item : rowOf(item), "data, [data-n], [data-v], .bmvis-share")) rewrite(element, share, tree, positions);
  for (const child of isLast ? [] : all(item, ":scope > details > ul > li")) {
    const below = idsBelow(ids, child);
    // Else the members are equal, and what is below is drawn for the first of them.
    const isEach = below.length === ids.length;
    const keptBelow = isEach ? below.filter((_, position) => left.has(ids[position])) : below;
    if (keptBelow.flat().length) keepOnly(child, below, keptBelow, isEach ? partOf(below, keptBelow) : share, tree);
    else child.remove();
  }
}

// Keep some values of an attribute that has one for each member, and return them; undefined where there is none.
function keepPlaces(dataset, name, positions, gap = " ") {
  const values = dataset[name]?.split(gap);
  const kept = values && positions.map((position) => values[position]);
  if (kept) dataset[name] = kept.join(gap);
  return kept;
}

// Write the names of members, in lists as in `data-k`.
function relabel(label, lists, positions) {
  const { dataset, classList } = label;
  const names = [...new Set(lists.flat())].map(decodeName);
  const numbers = keepPlaces(dataset, "g", positions);
  if (dataset.k) dataset.k = lists.map((list) => list.join(" ")).join("|");
  const differ = (list) => new Set(numbers?.splice(0, list.length)).size > 1;
  const isSimilar = lists.filter(differ).length > 0 || new Set(lists.map(String)).size > 1;
  // Levels that are not drawn stay before the names.
  const [before] = label.textContent.match(/^(?:[^.,]+\.)*/);
  label.textContent = before + labelOf(names, dataset.k && names[0].replace(/\d+$/, ""));
  label.removeAttribute("title");
  dataset.x = rangeOf(lists.map((list) => list.length));
  // It may have other marks, such as that of a comparison.
  classList.toggle("bmvis-x", isSimilar || names.length > 1);
  classList.toggle("bmvis-similar", isSimilar);
  // Equal members have their number before the count of one: `12 × 7.1M`.
  const amount = label.closest("summary, li > div").querySelector("data");
  if (amount) showTimes(amount, isSimilar || names.length < 2 ? 0 : names.length);
}

// Rename the ids at and below an item, the links to them, and the paths in the marks of ties and of renamed rows.
function move(item, to, anchor) {
  const from = item.id;
  const path = pathOf(item, anchor);
  const pattern = new RegExp(`(^|[ ,])${escapeRegex(path)}(?=\\.)`, "g");
  const moved = (id) => (`${id}.`.startsWith(`${from}.`) ? to + id.slice(from.length) : id);
  for (const element of [item, ...all(item, "[id]")]) element.id = moved(element.id);
  for (const link of all(item, "a.bmvis-tie")) link.setAttribute("href", "#" + moved(link.getAttribute("href").slice(1)));
  for (const mark of all(item, ".bmvis-tie, [data-p]"))
    for (const name of ["title", "aria-label", "data-p"].filter((one) => mark.hasAttribute(one)))
      mark.setAttribute(name, mark.getAttribute(name).replace(pattern, (_, before) => before + pathOf(item, anchor)));
}

// `64-224`, or one number where the least and the greatest are written alike.
const rangeOf = (numbers, write = String) => [...new Set([Math.min(...numbers), Math.max(...numbers)].map(write))].join("-");

// One text for several, with ranges where they differ in numbers only.
function rangeText(texts) {
  const columns = texts.map((text) => text.split(/(\d[\d.]*(?:e-?\d+)?(?:-\d[\d.]*)?)/));
  const [first] = columns;
  const isAlike = (column) => column.length === first.length && column.every((words, position) => position % 2 || words === first[position]);
  if (!columns.every(isAlike)) return [...new Set(texts)].join(" / ");
  const partOf = (words, position) =>
    columns.every((column) => column[position] === words) ? words : rangeOf(columns.flatMap((column) => column[position].split(/(?<!e)-/)));
  return first.map(partOf).join("");
}

// Have an element show what is kept of its values.
function rewrite(element, share, tree, positions) {
  const { dataset, localName, firstChild } = element;
  const gap = element.matches("small, .bmvis-flow, .bmvis-cell") ? "\n" : " ";
  const values = dataset.v?.split(gap);
  const kept = keepPlaces(dataset, "v", positions, gap);
  // The tooltip of the count before it has the new share.
  if (element.matches(".bmvis-share")) firstChild.data = /(?:: |together )([^;]*);/.exec(element.closest(":has(> data)")?.querySelector("data").title)?.[1] ?? "–";
  else if (localName === "data") rescale(element, share, tree.whole, values, kept);
  else if (dataset.n) dataset.n = Math.round(dataset.n * share);
  else if (gap === "\n") firstChild.data = rangeText(kept);
  else firstChild.data = firstChild.data.replace(/\[[^[]*$/, `[${rangeText(kept).replaceAll(",", ", ")}]`);
  const titles = keepPlaces(dataset, "t", positions, gap);
  if (titles) element.title = rangeText(titles);
}
