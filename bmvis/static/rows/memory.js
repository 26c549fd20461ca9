// What the script remembers of each tree.

// What is remembered of a tree:
// `index`: the entries of its rows, null where they changed;
// `closed`: what was closed before the filter opened any, null while the filter is empty;
// `hits`: the entries that match it, and `place`: the one of them that Enter went to;
// `taken`: the repeats that the filter took members out of, and `whole`: the index as it was before.
const memories = new WeakMap();
function memoryOf(root) {
  if (!memories.has(root)) memories.set(root, { index: null, closed: null, hits: [], last: [], place: -1, taken: [], whole: null });
  return memories.get(root);
}
