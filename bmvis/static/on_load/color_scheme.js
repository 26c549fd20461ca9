// Dark or light: where a theme's switch is in no list of the stylesheet, the background of the page decides.

// The greatest value of each notation in which browsers give colors: of three channels, or of a lightness that is first.
const CHANNELS = { rgb: 255, rgba: 255, color: 1 };
const LIGHTNESSES = { oklch: 1, oklab: 1, lch: 100, lab: 100 };

// How light a color is, from 0 to 255; undefined for one that shows what is behind it, or in another notation.
function lightnessOf(color) {
  const [notation, values] = color.split("(");
  const [red, green, blue, alpha = 1] = values?.match(/-?\b[\d.]+(?:e-?\d+)?/g).map(Number) ?? [];
  if (!(alpha > 0.9)) return undefined;
  if (notation in LIGHTNESSES) return (255 * red) / LIGHTNESSES[notation];
  return notation in CHANNELS ? (255 * (0.21 * red + 0.72 * green + 0.07 * blue)) / CHANNELS[notation] : undefined;
}

// Undefined where no element has a background: the browser's own is of the scheme that the page has.
function backgroundOf(element) {
  return element ? (lightnessOf(getComputedStyle(element).backgroundColor) ?? backgroundOf(element.parentElement)) : undefined;
}

function followBackground(root) {
  root.classList.remove("bmvis-on-dark", "bmvis-on-light");
  const lightness = backgroundOf(root.parentElement);
  const scheme = lightness < 100 ? "dark" : lightness > 155 ? "light" : null;
  if (scheme && getComputedStyle(root).colorScheme !== scheme) root.classList.add(`bmvis-on-${scheme}`);
}

let following = 0;

// Themes fade from one scheme to the other.
function followSoon() {
  clearTimeout(following);
  following = setTimeout(() => all(document, ".bmvis").forEach(followBackground), 500);
}

function watchScheme() {
  for (const element of [document.documentElement, document.body]) new MutationObserver(followSoon).observe(element, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", followSoon);
}
