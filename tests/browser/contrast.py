"""The contrast of text with its background, including text from stylesheets, which axe ignores."""

CONTRASTS = """(words) => {
  const ctx = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const light = (...colors) => {
    for (const color of colors) ctx.fillStyle = color, ctx.fillRect(0, 0, 1, 1); // one over the other
    const parts = [...ctx.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const behind = (element) =>
    element ? [...behind(element.parentElement), getComputedStyle(element).backgroundColor] : ["white"];
  return words.flatMap(([selector, paint, back]) => [...document.querySelectorAll(selector)].map((element) => {
    const under = back ? [getComputedStyle(element.parentElement.querySelector(back)).fill] : behind(element);
    const colors = [light(...under, getComputedStyle(element)[paint]), light(...under)];
    return [selector, (Math.max(...colors) + 0.05) / (Math.min(...colors) + 0.05)];
  }));
}"""
WORDS = [
    *([f".bmvis-tree {word}", "color", None] for word in ("b", "i", ".bmvis-p", "small", "data", ".bmvis-tie")),
    *([word, "color", None] for word in (".bmvis-totals *", ".bmvis-legend *", ".bmvis-caption", ".bmvis-training *")),
    [".bmvis-map :is(.bmvis-trainable, .bmvis-mixed) text", "fill", "rect"],
]


def faint(page) -> dict[str, float]:
    """Return the minimum contrast of each kind of text that is below WCAG AA."""
    found: dict[str, float] = {}
    for selector, ratio in page.evaluate(CONTRASTS, WORDS):
        if ratio < 4.5:
            found[selector] = min(ratio, found.get(selector, ratio))
    return found
