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

const show = (gallery) => {
  const words = gallery.querySelector("input").value.toLowerCase().split(/\s+/);
  const picked = all(gallery, "[aria-pressed=true]").map((button) => button.textContent);
  const cards = all(gallery, ".bmvis-card");
  for (const card of cards) {
    const text = card.textContent.toLowerCase(), tags = tagsOf(card);
    card.hidden = !words.every((word) => text.includes(word)) || !picked.every((tag) => tags.includes(tag));
  }
  gallery.querySelector("output").textContent = `${cards.filter((card) => !card.hidden).length} of ${cards.length}`;
};

const sort = (gallery, order) =>
  gallery.querySelector(".bmvis-cards").append(...all(gallery, ".bmvis-card").sort(ORDERS[order]));

const equip = (gallery) => {
  const cards = all(gallery, ".bmvis-card");
  if (cards.length < 2 || gallery.querySelector(".bmvis-shelf")) return;
  cards.forEach((card, place) => (card.place = place));
  const shelf = make("div", { className: "bmvis-shelf" }), select = make("select", { ariaLabel: "Order of the models" });
  select.append(...Object.keys(ORDERS).map((order) => make("option", { textContent: order })));
  const tags = [...new Set(cards.flatMap(tagsOf))].sort().map((tag) => make("button", { type: "button", textContent: tag, ariaPressed: "false" }));
  shelf.append(make("input", { type: "search", placeholder: "Filter models", ariaLabel: "Filter models" }), select, ...tags, make("output", {}));
  gallery.prepend(shelf);
};

const galleryOf = ({ target }) => target.closest?.(".bmvis-shelf")?.parentElement;
document.addEventListener("input", (event) => {
  const gallery = galleryOf(event);
  if (!gallery) return;
  if (event.target.matches("select")) sort(gallery, event.target.value);
  else show(gallery);
});
document.addEventListener("click", (event) => {
  const gallery = galleryOf(event), button = event.target.closest?.("button");
  if (!gallery || !button) return;
  button.ariaPressed = String(button.ariaPressed !== "true");
  show(gallery);
});

const start = () => {
  const equipAll = () => all(document, ".bmvis-gallery").forEach(equip);
  equipAll();
  new MutationObserver(equipAll).observe(document.body, { childList: true, subtree: true });
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
})();
