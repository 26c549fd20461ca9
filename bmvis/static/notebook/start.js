// The script of an output of a notebook: unpack the styles and the scripts that follow, and run them for its tree.
// Another output may have done so already, for all trees of the page.
async (id, packed) => {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const [rules, ...scripts] = (await new Response(stream).text()).split("\0");
  const make = (name, text) => Object.assign(document.createElement(name), { textContent: text });
  // After the other styles of this output, and with it where its cell is moved to.
  if (id) for (const root of document.querySelectorAll(`#${id}`)) root.before(make("style", `#${id}#${id}${rules}`));
  if (!window.bmvis) {
    document.head.append(...scripts.map((script) => make("script", script)));
    // JupyterLab: what these keys do in a tree is not a command for its cell as well, such as `m`, which makes it text.
    // It looks for this attribute in a listener on the document.
    const suppress = ({ key, target, ctrlKey, metaKey, altKey, shiftKey }) => {
      const isKey = /^(Arrow.*|Home|End|Enter|Escape| |m)$/.test(key) && !(ctrlKey || metaKey || altKey || shiftKey);
      if (target.closest?.(".bmvis")) target.toggleAttribute("data-lm-suppress-shortcuts", isKey);
    };
    addEventListener("keydown", suppress, { capture: true });
  }
  window.bmvis.equipNew();
}
