// Numbers as the renderer writes them, and the amount of a row: its number of parameters, and its share of the model.

const commas = (number) => number.toLocaleString("en");

// The model's number of parameters, which the line above the tree has exactly.
function wholeOf(root) {
  const total = root.querySelector(".bmvis-totals:not(.bmvis-before) > span");
  return parseInt((total.title || total.textContent).replaceAll(",", ""), 10);
}

// One digit after the point, rounded to even as Python does, and none where it is 0.
const tenths = (number) => (number % 1 === 0.25 ? number - 0.05 : number).toFixed(1).replace(/\.0$/, "");

// Percent as the tree's tooltips write it: never 0 where there is something, never 100 short of all.
function percent(part, whole) {
  const share = (100 * part) / whole;
  if (share < 0.1) return "<0.1 %";
  if (part < whole && share >= 99.95) return ">99.9 %";
  return `${tenths(share)} %`;
}

function scaled(number, units) {
  let unit = 0;
  for (number /= 1000; number >= 999.95 && units[unit + 1]; unit++) number /= 1000;
  return tenths(number) + units[unit];
}
const shortCount = (number) => (number < 10_000 ? commas(number) : scaled(number, ["K", "M", "B", "T"]));
const shortSize = (number) => (number < 1000 ? `${number} bytes` : scaled(number, [" KB", " MB", " GB", " TB", " PB"]));

// Write the number of equal modules before the count of one: `12 × 7.1M`.
function showTimes(amount, times) {
  amount.querySelector("span > span")?.remove();
  if (times) amount.firstChild.insertAdjacentHTML("afterbegin", `<span>${times} × </span>`);
}

const AMOUNT = /^([\d,-]+) (\w+)(?: each, (\d+) times)?(?:(?::|, together) ([^;]+))?; ([^,]*)(.*)$/;

const meanOf = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

// Show the amount for a share of its modules, in its bar and its tooltip, `10 parameters each, 12 times, together 6 %; 40 bytes`.
// `values` and `kept`: `elements:bytes` of all modules and of those that are kept, where they differ.
// Where members share tensors with one another, the share of a few of them is not known: the tooltip leaves it out.
function rescale(amount, share, whole, values = [`${amount.value}:0`], kept) {
  let [, each, noun, times = 1, percentage, size, rest] = amount.title.match(AMOUNT) ?? [];
  if (!noun) return;
  const left = Math.round(times * share);
  const countsOf = (pairs) => pairs.map((pair) => parseInt(pair, 10));
  const isApart = percent(meanOf(countsOf(values)) * times, whole) === percentage;
  const counts = countsOf(kept ?? values);
  if (kept) {
    each = rangeOf(counts, commas);
    size = rangeOf(kept.map((pair) => pair.split(":")[1]), shortSize);
    amount.value = Math.min(...counts);
    amount.firstChild.lastChild.data = rangeOf(counts, shortCount);
  }
  const part = left === 1 || isApart ? meanOf(counts) * left : null;
  const repeated = left > 1 ? ` each, ${left} times` : "";
  const before = repeated ? ", together" : ":";
  amount.title = `${each} ${noun}${repeated}${part === null ? "" : `${before} ${percent(part, whole)}`}; ${size}${rest}`;
  // SHARE_STEPS of the renderer.
  if (part !== null) amount.dataset.s = Math.max(1, Math.round((part / whole) * 20));
}
