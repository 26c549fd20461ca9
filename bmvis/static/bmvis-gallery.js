// Sort and filter a gallery's cards. Like bmvis.js it listens on the document: galleries can arrive later.
(() => {
if (window.bmvisGallery) return;
window.bmvisGallery = true;

const all = (root, selector) => [...root.querySelectorAll(selector)];
const titleOf = (card) => card.querySelector(".bmvis-card-title").textContent;
const tagsOf = (card) => all(card, ".bmvis-tags > li").map((tag) => tag.textContent);
const make = (name, more) => Object.assign(document.createElement(name), more);

const ORDERS = {
  "as listed": (a, b) => a.place - b.place,
  "by name": (a, b) => titleOf(a).localeCompare(titleOf(b), undefined, { numeric: true }),
  "largest first": (a, b) => (b.dataset.count ?? -1) - (a.dataset.count ?? -1),
  "smallest first": (a, b) => (a.dataset.count ?? Infinity) - (b.dataset.count ?? Infinity),
};

// A column of the maintainers: its numbers in one direction and the other, cards without one last.
const valueOf = (card, column) => {
  const cell = all(card, "[data-column]").find((one) => one.dataset.column === column);
  const number = parseFloat(cell?.textContent.replaceAll(",", ""));
  return Number.isNaN(number) ? undefined : number;
};
const ordersOf = (cards) => {
  const columns = [...new Set(cards.flatMap((card) => all(card, "[data-column]").map((cell) => cell.dataset.column)))];
  const orders = { ...ORDERS };
  for (const column of columns.filter((one) => cards.some((card) => valueOf(card, one) !== undefined))) {
    orders[`${column}, highest first`] = (a, b) => (valueOf(b, column) ?? -Infinity) - (valueOf(a, column) ?? -Infinity) || 0;
    orders[`${column}, lowest first`] = (a, b) => (valueOf(a, column) ?? Infinity) - (valueOf(b, column) ?? Infinity) || 0;
  }
  return orders;
};

const fieldOf = (gallery) => gallery.querySelector("input");
const hitsOf = (gallery) => all(gallery, ".bmvis-hit");
const pickedTags = (gallery) => all(gallery, ".bmvis-filter[aria-pressed=true]").map((tag) => tag.textContent);
const report = (gallery, words) => (gallery.querySelector("output").textContent = words);

// The words that are typed, as people paste them: `"zoo:bert",`. `*` matches any letters.
const testsOf = (typed) => typed.toLowerCase().split(/\s+/).filter(Boolean)
  .map((word) => word.replace(/^["'`(]+|["'`),;]+$/g, "").split("*").map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, "\\$&")).join(".*"))
  .map((pattern) => new RegExp(pattern));

// The lines of a card that a word must match in: its text, and its model's reference.
const linesOf = (card) => [card.dataset.reference, ...all(card, "p, li, dl > div").map((line) => line.textContent)].map((line) => line.toLowerCase());

const show = (gallery) => {
  const tests = testsOf(fieldOf(gallery).value);
  const picked = pickedTags(gallery);
  const cards = all(gallery, ".bmvis-card");
  const isAsked = tests.length + picked.length > 0, height = gallery.querySelector(".bmvis-groups").offsetHeight;
  for (const card of cards) {
    const lines = linesOf(card), tags = tagsOf(card);
    card.hidden = !tests.every((test) => lines.some((line) => test.test(line))) || !picked.every((tag) => tags.includes(tag));
    card.classList.toggle("bmvis-hit", isAsked && !card.hidden);
    card.classList.remove("bmvis-current");
  }
  for (const group of all(gallery, ".bmvis-group")) group.hidden = !group.querySelector(".bmvis-card:not([hidden])");
  report(gallery, isAsked ? `${hitsOf(gallery).length} of ${cards.length}` : "");
  showNoMatch(gallery, isAsked && !hitsOf(gallery).length, height);
};

// Where nothing matches, words take the cards' place and keep its height, so that the page does not jump.
const showNoMatch = (gallery, isNothing, height) => {
  const cards = gallery.querySelector(".bmvis-groups"), words = gallery.querySelector(".bmvis-nothing");
  if (isNothing && !cards.hidden) words.style.minHeight = `${height}px`;
  cards.hidden = isNothing;
  words.hidden = !isNothing;
  words.firstChild.textContent = `No model matches “${[fieldOf(gallery).value.trim(), ...pickedTags(gallery)].filter(Boolean).join(", ")}”. `;
};

const clear = (gallery) => {
  fieldOf(gallery).value = "";
  for (const tag of all(gallery, ".bmvis-filter")) tag.ariaPressed = "false";
  show(gallery);
  fieldOf(gallery).focus();
};

// Go to the next card that matches, or to the one before.
const step = (gallery, by) => {
  const hits = hitsOf(gallery), count = hits.length;
  if (!count) return;
  const before = hits.findIndex((card) => card.matches(".bmvis-current"));
  const place = (Math.max(before, by < 0 ? 0 : -1) + by + count) % count;
  hits[before]?.classList.remove("bmvis-current");
  hits[place].classList.add("bmvis-current");
  hits[place].scrollIntoView({ block: "center" });
  report(gallery, `${place + 1} of ${count}`);
};

// Each group keeps its place, and sorts its own cards.
const sort = (gallery, order) => {
  const compare = ordersOf(all(gallery, ".bmvis-card"))[order];
  for (const cards of all(gallery, ".bmvis-cards")) cards.append(...[...cards.children].sort(compare));
};

const equip = (gallery) => {
  const cards = all(gallery, ".bmvis-card");
  if (cards.length < 2 || gallery.querySelector(".bmvis-shelf")) return;
  cards.forEach((card, place) => (card.place = place));
  const shelf = make("div", { className: "bmvis-shelf" }), select = make("select", { ariaLabel: "Order of the models" });
  select.append(...Object.keys(ordersOf(cards)).map((order) => make("option", { textContent: order })));
  const tags = [...new Set(cards.flatMap(tagsOf))].sort().map((tag) => make("button", { type: "button", className: "bmvis-filter", textContent: tag, ariaPressed: "false" }));
  const view = make("button", { type: "button", className: "bmvis-view", textContent: "Table", ariaPressed: String(gallery.matches(".bmvis-as-table")) });
  const field = make("input", { type: "search", placeholder: "Filter models", ariaLabel: "Filter models", title: "Enter goes to the next match" });
  shelf.append(field, select, view, ...tags, make("output", {}));
  const nothing = make("div", { className: "bmvis-nothing", hidden: true });
  nothing.append(make("p", {}), make("button", { type: "button", textContent: "Clear the filter" }));
  gallery.prepend(shelf);
  gallery.querySelector(".bmvis-groups").after(nothing);
};

const galleryOf = ({ target }) => target.closest?.(".bmvis-gallery");
document.addEventListener("input", (event) => {
  const gallery = galleryOf(event);
  if (!gallery) return;
  if (event.target.matches("select")) sort(gallery, event.target.value);
  else show(gallery);
});
document.addEventListener("keydown", (event) => {
  const gallery = galleryOf(event);
  if (!gallery || !event.target.matches("input")) return;
  if (event.key === "Enter") step(gallery, event.shiftKey ? -1 : 1);
  if (event.key === "Escape") clear(gallery);
});
document.addEventListener("click", (event) => {
  const gallery = galleryOf(event), button = event.target.closest?.("button");
  if (!gallery || !button) return;
  if (button.closest(".bmvis-nothing")) return clear(gallery);
  button.ariaPressed = String(button.ariaPressed !== "true");
  if (button.matches(".bmvis-view")) gallery.classList.toggle("bmvis-as-table");
  else show(gallery);
});

const start = () => {
  const equipAll = () => all(document, ".bmvis-gallery").forEach(equip);
  equipAll();
  new MutationObserver(equipAll).observe(document.body, { childList: true, subtree: true });
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
})();
