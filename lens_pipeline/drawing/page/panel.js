// The panel: everything known of the chosen operation, layer or module, as text, never as markup.

const panel = document.getElementById("panel");
const picked = [];

function element(name, attributes, ...inside) {
  const made = document.createElement(name);
  for (const key in attributes) {
    if (key === "onclick") made.addEventListener("click", attributes[key]);
    else made.setAttribute(key, attributes[key]);
  }
  made.append(...inside.filter((one) => one !== null && one !== undefined));
  return made;
}

const say = (text) => (document.getElementById("said").textContent = text);

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", {});
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(`Copied ${text}`);
}

function pick(text) {
  const at = picked.indexOf(text);
  if (at < 0) picked.push(text);
  else picked.splice(at, 1);
  showPicked();
}

const quoted = (text) => (/^[\w.\-@:*?]+$/.test(text) ? text : `"${text}"`);

function showPicked() {
  document.getElementById("chosen").textContent = `layers=[${picked.map(quoted).join(",")}]`;
  for (const id of ["copy-chosen", "clear-chosen"]) document.getElementById(id).disabled = !picked.length;
}

// `which` is the operation among those of a box, or the call among those of a module
function fillPanel(thing, which) {
  panel.replaceChildren();
  if (!thing) fillModel();
  else if (thing.group) fillModule(thing, which === undefined ? thing.call : which);
  else fillOp(thing, which === undefined ? thing.ops[0] : which);
  panel.scrollTop = 0;
}

function section(title, ...inside) {
  const shown = inside.filter((one) => one);
  if (shown.length) panel.append(element("h3", {}, title), ...shown);
}

const line = (text, look) => element("p", look ? { class: look } : {}, text);

function fillModel() {
  panel.append(element("h2", {}, G.model));
  for (const fact of G.facts) panel.append(line(fact));
  section("gaps", ...G.gaps.map((gap) => line(gap)));
  const keys = [
    ["click", "open a module, close it by its title, or see an operation"],
    ["drag, wheel", "move"],
    ["ctrl + wheel, + −", "zoom; 0 shows everything"],
    ["arrow keys", "go along the graph; Enter opens, Escape goes out"],
    ["/", "search"],
  ];
  section("how", rows(keys.map(([key, what]) => [key, what, ""])));
}

function fillModule(group, call) {
  const addresses = tables().addresses;
  panel.append(element("h2", {}, group.address || G.model), line(G.calls.class[call], "soft"));
  trail(group);
  const calls = group.calls > 1 ? callsOf(group.address) : [call];
  if (calls.length > 1) chooser("call", calls, call, (one) => choose(group, { which: one }));
  selectors([...new Set(G.calls.selectors[call])]);
  const outputs = [...new Set(G.calls.outputs[call])];
  for (const op of outputs) showValues(op);
  const row = addresses.indexOf(group.address);
  section("returned", list(outputs));
  if (row >= 0) section("everything known", columnRows(tables().modules, row));
}

const callsOf = (address) => G.calls.address.flatMap((one, call) => (one === address ? [call] : []));

function fillOp(box, op) {
  panel.append(element("h2", {}, G.ops.label[op]), line(G.ops.size[op], "soft"));
  trail(box.around, box.leaf);
  if (box.passes > 1) chooser("pass", box.ops, op, (one) => choose(box, { which: one }));
  const pairs = G.ops.selectors[op];
  selectors([...new Set(pairs.flat())]);
  showValues(op);
  const { ops } = tables();
  const value = (name) => cell(ops.find((column) => column.name === name), op);
  section("call", value("arguments") && element("pre", {}, value("arguments")));
  source(value, op);
  branches(op);
  section("reads", list(G.ops.parents[op]));
  section("read by", list(children[op]));
  section("everything known", columnRows(ops, op));
}

// the modules around, each to be clicked
function trail(group, leaf) {
  const way = element("p", {});
  for (let one = group; one && one.around; one = one.around) {
    const here = one;
    way.prepend(" › ", link(one.name, () => choose(here, { go: true })));
  }
  if (leaf) way.append(` › @${leaf}`);
  if (way.childNodes.length) way.prepend(link(G.model, () => choose(null)));
  panel.append(way);
}

const link = (text, onclick) => element("button", { type: "button", class: "link", onclick }, text);

function list(ops) {
  if (!ops.length) return null;
  const shown = [...new Set(ops)].slice(0, 40);
  const more = new Set(ops).size - shown.length;
  const home = element("p", {});
  shown.forEach((op, at) => home.append(at ? ", " : "", link(G.ops.label[op], () => chooseOp(op))));
  if (more > 0) home.append(` and ${more} more`);
  return home;
}

// one of several passes or calls, to be chosen
function chooser(name, all, current, then) {
  const pick = element("select", { "aria-label": name });
  all.forEach((one, at) => pick.append(element("option", { value: one }, `${at + 1} of ${all.length}`)));
  pick.value = current;
  pick.addEventListener("change", () => then(Number(pick.value)));
  panel.append(element("div", { class: "row" }, name, pick));
}

function selectors(texts) {
  const all = texts.map((text) =>
    element("div", { class: "row" }, element("code", {}, text),
      element("button", { type: "button", "data-copy": text, onclick: () => copy(text) }, "Copy"),
      element("button", { type: "button", title: "Add to layers=[...] below, or take away", onclick: () => pick(text) }, "±")));
  section("select by", ...all);
}

function source(value, op) {
  const context = value("code_context");
  if (!context) return;
  const pre = element("pre", {});
  const code = value("code") || "";
  const lines = context.split("\n");
  const start = value("line") - Math.max(1, value("line") - 3);
  const n = Math.max(1, code.split("\n").length);
  lines.forEach((text, at) => {
    const here = at >= start && at < start + n;
    pre.append(here ? element("mark", {}, `${text}\n`) : `${text}\n`);
  });
  section("source", line(`${value("file")}:${value("line")}, ${value("source_function")}`, "soft"), pre);
}

function branches(op) {
  const found = G.branches.flatMap((branch) => {
    const test = `${branch.kind} ${branch.tests.join(" / ")}  (${branch.line})`;
    const decides = branch.deciding.includes(op) ? [line(`decides ${test}, took ${branch.taken || "?"}`)] : [];
    return branch.ops.includes(op) ? [...decides, line(`in the ${branch.taken} arm of ${test}`)] : decides;
  });
  section("branches", ...found);
}

function cell(column, row) {
  const value = column.values[column.at ? column.at[row] : row];
  return column.items && value ? value.map((item) => column.items[item]) : value;
}

function columnRows(columns, row) {
  return rows(columns.map((column) => {
    const value = cell(column, row);
    const empty = value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length);
    return empty ? null : [column.name, shownValue(value, column.unit), column.text];
  }).filter((one) => one));
}

function shownValue(value, unit) {
  if (Array.isArray(value)) return value.map((one) => (Array.isArray(one) ? `(${one.join(", ")})` : one)).join(", ");
  const text = typeof value === "number" ? number(value) : String(value);
  return unit ? `${text} ${unit}` : text;
}

const number = (value) => (Number.isInteger(value) ? value.toLocaleString("en") : Number(value.toPrecision(4)).toString());

function rows(all) {
  const body = element("tbody", {});
  for (const [name, value, text] of all) {
    body.append(element("tr", text ? { title: text } : {}, element("th", { scope: "row" }, name), element("td", {}, value)));
  }
  return element("table", {}, body);
}
