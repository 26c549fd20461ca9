// Load the second script, `on_first_use/`, when a reader first filters, picks, unfolds or copies rows.

const ROWS = "bmvis-rows.js";
const ownScript = document.currentScript;

let loading = null;

// Call a function of the second script: at once if it is loaded.
function useRows(name, ...values) {
  const call = () => window.bmvis.rows[name](...values);
  if (window.bmvis.rows) return call();
  loading ??= loadRows();
  loading.then(call, reportMissing);
}

function loadRows() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.onload = resolve;
    script.onerror = reject;
    // Next to this one, also where it is inside a page of another folder by now. A policy can ask for the nonce.
    script.src = new URL(ROWS, ownScript.src);
    script.nonce = ownScript.nonce;
    document.head.append(script);
  });
}

function reportMissing() {
  loading = null;
  for (const tools of all(document, ".bmvis-tools")) announce(rootOf(tools), `${ROWS.split("?")[0]} was not loaded`);
}
