// The filter box of the toolbar, and the entries of the legend that filter. `on_first_use/filter.js` has what they do.

const FILTER_BOX = `<input type="search" placeholder="Filter by name or path" aria-label="Filter rows" title="Enter goes to the next match"
  spellcheck="false"><output></output>`;

// What the filter shows in the place of a tree without a match.
const NO_MATCH = `<p></p>${buttonHtml("reset", "Clear the filter")}`;

// An entry of the legend becomes a button that filters by what it names.
function makeButton(entry) {
  const button = document.createElement("button");
  button.append(...entry.childNodes);
  for (const { name, value } of entry.attributes) button.setAttribute(name, value);
  button.dataset.do = "state";
  button.ariaPressed = "false";
  entry.replaceWith(button);
}
