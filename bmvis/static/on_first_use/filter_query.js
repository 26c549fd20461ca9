// Read what is typed into the filter box, and find the rows that match: by words on the row, marks, and the end of a path.

// A test for one name of a path. `*` matches any letters; as a whole name it matches one name or several.
function nameTest(part) {
  if (!part.includes("*")) return { fits: (name) => name === part };
  const pattern = new RegExp(`^${part.split("*").map(escapeRegex).join(".*")}$`);
  return { fits: (name) => pattern.test(name), isAny: part === "*" };
}

const testsOf = (parts) => parts.map(nameTest);

// A word of the filter. People paste paths in quotes, with a comma, or as Python writes them: `layer[0].output`.
function readWord(typed) {
  const path = typed
    .replace(/^["'`([{]+|["'`\])},;:]+\.?$/g, "")
    .replace(/(?<=[\w\]])\[(\w+)\]?/g, ".$1")
    .replace(/^\./, "");
  return { typed, parts: path.split(".") };
}

// The end of a path, name by name. A word alone finds a part of a name; a number finds that number only.
const isPart = ({ parts }) => parts.length === 1 && !/^\d+$|\*/.test(parts[0]);
const endOf = (word) => testsOf(isPart(word) ? [`*${word.parts[0]}*`] : word.parts);

// The ways to read words as paths, to be tried one after another: as the end of a path; as one that is being typed; and
// without its first names, for a path that comes from another model, with this one inside.
function* waysOf(words) {
  yield { tests: words.map(endOf) };
  yield { tests: words.map(({ parts }) => testsOf(`*${parts.join(".")}*`.split("."))) };
  const [{ parts }] = words;
  for (let cut = 1; words.length === 1 && cut < parts.length - 1; cut++)
    yield { tests: [testsOf(parts.slice(cut))], end: parts.slice(cut).join(".") };
}

// Follow the tests of names up from a step of an entry. Null where they do not fit; else the repeats on the way of which
// only some members fit, each with the test that selects them.
function follow(tests, position, entry, step = entry.steps.length - 1) {
  if (position < 0) return [];
  if (step < 0) return entry.base?.steps ? follow(tests, position, entry.base) : null;
  const { fits, isAny } = tests[position];
  const names = entry.steps[step];
  if (!names.some(fits)) return null;
  const found = follow(tests, position - 1, entry, step - 1) ?? (isAny ? follow(tests, position, entry, step - 1) : null);
  if (found && entry.item && names.length > 1 && !names.every(fits)) found.push({ entry, fits });
  return found;
}

// The result of `follow` for a word and a row. The last name may be that of a tensor of the row.
function matchWord(word, tests, entry) {
  if (entry.text.includes(word.typed) || entry.label === word.typed) return [];
  if (word.typed.length > 3 && entry.marks.includes(` ${word.typed}`)) return [];
  const last = tests.length - 1;
  return follow(tests, last, entry) ?? (entry.tensors.some(tests[last].fits) ? follow(tests, last - 1, entry) : null);
}

// The entries that match all words and marks, each with the repeats to take members out of. A row that hides modules
// is the hit for those of them that match, which are in its `found`.
function matchRows(index, words, tests, marks) {
  const hits = new Map();
  const match = (entry, row) => {
    if (!marks.every((mark) => entry.marks.includes(` ${mark}`))) return false;
    const found = words.map((word, position) => matchWord(word, tests[position], entry));
    if (found.includes(null)) return false;
    hits.set(row, [...(hits.get(row) ?? []), ...found.flat()]);
    return true;
  };
  for (const entry of index) {
    match(entry, entry);
    if (entry.below) entry.found = entry.below.filter((one) => match(one, entry));
  }
  return hits;
}

// The first way to read the words by which any row matches, these rows, and the words that were used: of a whole message,
// such as `size mismatch for layer.0.weight: …`, only the paths.
function searchRows(index, words, marks) {
  if (!words.length) return { hits: matchRows(index, [], [], marks), used: words };
  for (const way of waysOf(words)) {
    const hits = matchRows(index, words, way.tests, marks);
    if (hits.size) return { hits, used: words, ...way };
  }
  const [path] = words.filter(({ parts }) => parts.length > 2);
  if (!path || words.length < 3) return { hits: new Map() };
  const found = searchRows(index, [path], marks);
  return found.hits.size ? { end: path.parts.join("."), ...found } : found;
}
