// Search by label, module or type; what is found is opened, chosen and brought into sight.

const query = document.getElementById("query");
const where = document.getElementById("where");
const found = document.getElementById("found");
const MOST_FOUND = 60;
let hits = [];
let current = -1;

// each layer and module with the texts it is found by
const index = (() => {
  const modules = new Map();
  G.calls.address.forEach((address, call) => address && modules.set(address, call));
  const names = [...modules].map(([address, call]) => ({
    text: address, note: G.calls.class[call], call,
    label: "", module: address.toLowerCase(), type: G.calls.class[call].toLowerCase(),
  }));
  G.layers.label.forEach((label, layer) => {
    const [op] = G.layers.ops[layer];
    const call = G.ops.call[op];
    const address = call < 0 ? "" : G.calls.address[call];
    const type = `${G.layers.type[layer]} ${G.ops.name[op]}`;
    names.push({ text: label, note: address, op, label: label.toLowerCase(), module: address.toLowerCase(), type: type.toLowerCase() });
  });
  return names;
})();

function search() {
  const text = query.value.trim().toLowerCase();
  const fields = where.value === "any" ? ["label", "module", "type"] : [where.value];
  hits = text ? index.filter((named) => fields.some((field) => named[field].includes(text))) : [];
  const exact = (named) => fields.some((field) => named[field] === text);
  const starts = (named) => fields.some((field) => named[field].startsWith(text));
  const order = (named) => (exact(named) ? 0 : starts(named) ? 1 : 2);
  hits = hits.map((named, at) => [order(named), at, named]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((one) => one[2]);
  current = hits.length ? 0 : -1;
  showHits(text);
}

function showHits(text) {
  found.hidden = !text;
  query.setAttribute("aria-expanded", String(Boolean(text)));
  found.replaceChildren(...hits.slice(0, MOST_FOUND).map((named, at) => {
    const note = element("span", {}, named.note);
    const item = element("li", { role: "option", id: `hit${at}`, onclick: () => take(at) }, named.text, note);
    item.addEventListener("mousedown", (event) => event.preventDefault());
    return item;
  }));
  const left = hits.length - MOST_FOUND;
  if (text && left > 0) found.append(element("li", { class: "note" }, `and ${left.toLocaleString("en")} more`));
  if (text && !hits.length) found.append(element("li", { class: "note" }, "nothing found"));
  if (text) say(hits.length === 1 ? "1 found" : `${hits.length.toLocaleString("en")} found`);
  markHit();
}

function markHit() {
  [...found.children].forEach((item, at) => {
    if (at < hits.length) item.setAttribute("aria-selected", String(at === current));
  });
  query.setAttribute("aria-activedescendant", current < 0 ? "" : `hit${current}`);
  if (found.children[current]) found.children[current].scrollIntoView({ block: "nearest" });
}

function take(at) {
  const named = hits[at];
  if (!named) return;
  found.hidden = true;
  query.setAttribute("aria-expanded", "false");
  if (named.op !== undefined) chooseOp(named.op);
  else chooseModule(named.call);
}

query.addEventListener("input", search);
where.addEventListener("change", search);
query.addEventListener("focus", () => query.value && search());
query.addEventListener("blur", () => (found.hidden = true));
query.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const shown = Math.min(hits.length, MOST_FOUND);
  if (step && shown) {
    current = (current + step + shown) % shown;
    markHit();
    event.preventDefault();
  }
  if (event.key === "Escape") {
    query.value = "";
    search();
    svg.focus();
  }
});
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  if (current >= 0) take(current);
});
