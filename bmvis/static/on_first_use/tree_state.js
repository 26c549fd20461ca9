// The state of each tree:
// `index`: the entries of its rows, null where they changed;
// `closed`: what was closed before the filter opened any, null while the filter is empty;
// `hits`: the entries that match it, and `current`: the position of the one that Enter went to;
// `taken`: the repeats that the filter took members out of, and `whole`: the index as it was before.
const memories = new WeakMap();
function memoryOf(root) {
  if (!memories.has(root)) memories.set(root, { index: null, closed: null, hits: [], last: [], current: -1, taken: [], whole: null });
  return memories.get(root);
}
