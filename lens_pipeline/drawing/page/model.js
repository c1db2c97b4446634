// The data of the page, and the tree of modules and boxes that is drawn from it.
//
// A group is a module (rolled) or a module call (every pass); a box is a layer or an operation.
// A module that holds one box, or boxes that say where they belong, is not drawn as a group.

const part = (name) => JSON.parse(document.getElementById(name).textContent);
const later = (name) => {
  let value;
  return () => (value === undefined ? (value = part(name)) : value);
};
const G = part("graph");
const START = part("start");
const tables = later("tables");
const pictures = later("pictures");
const results = later("results");
const nOps = G.ops.label.length;

// for each operation those that read it
const children = (() => {
  const found = Array.from({ length: nOps }, () => []);
  G.ops.parents.forEach((parents, op) => parents.forEach((parent) => found[parent].push(op)));
  return found;
})();

// the module calls around an operation, outermost first, the model left out
function callsAround(op) {
  const found = [];
  for (let call = G.ops.call[op]; call >= 0; call = G.calls.parent[call]) found.push(call);
  found.pop();
  return found.reverse();
}

// the module without modules inside that returned this operation's output, or ""
function leafModule(op) {
  const call = G.ops.call[op];
  const leaf = call >= 0 && G.calls.leaf[call] && G.calls.outputs[call].includes(op);
  return leaf ? G.calls.address[call] : "";
}

function buildTree(unrolled) {
  const root = newGroup("", null, -1);
  const groups = new Map();
  const boxOf = new Array(nOps);
  const boxes = [];
  const byKey = new Map();
  for (let op = 0; op < nOps; op++) {
    const key = unrolled ? `o${op}` : `l${G.ops.layer[op]}`;
    let box = byKey.get(key);
    if (!box) {
      let home = root;
      for (const call of callsAround(op)) {
        const name = unrolled ? `c${call}` : `m${G.calls.address[call]}`;
        if (!groups.has(name)) {
          groups.set(name, newGroup(name, home, call));
          home.inside.push(groups.get(name));
        }
        home = groups.get(name);
      }
      box = { key, group: false, around: home, ops: [], order: boxes.length, passes: 1 };
      byKey.set(key, box);
      boxes.push(box);
      home.inside.push(box);
    }
    box.ops.push(op);
    if (!unrolled) box.passes = box.ops.length;
    boxOf[op] = box;
  }
  for (const group of groups.values()) group.calls = unrolled ? 1 : callCount(group.address);
  flatten(root);
  finish(root, 0, []);
  const tree = { root, boxes, boxOf, unrolled, groups };
  tree.edges = boxEdges(tree);
  for (const box of boxes) describeBox(box, unrolled);
  return tree;
}

function newGroup(key, around, call) {
  const address = call < 0 ? "" : G.calls.address[call];
  return { key, group: true, around, inside: [], call, address, opened: call < 0, layout: null };
}

const callCounts = new Map();
G.calls.address.forEach((address, call) => {
  callCounts.set(address, Math.max(callCounts.get(address) || 0, G.calls.number[call]));
});
const callCount = (address) => callCounts.get(address) || 1;

// put what is in a module in its place where a frame would add nothing: around a single box, and
// around boxes that bear the module's address
function flatten(group) {
  group.inside = group.inside.flatMap((one) => {
    if (!one.group) return [one];
    flatten(one);
    const boxes = one.inside.filter((inner) => !inner.group);
    const plain = boxes.length === one.inside.length;
    const named = plain && boxes.every((box) => leafModule(box.ops[0]) === one.address);
    if (!named && !(plain && boxes.length === 1)) return [one];
    for (const box of boxes) box.around = group;
    return boxes;
  });
}

// tell everything in a group its path from the root, and a group the boxes in it
function finish(group, depth, path) {
  group.depth = depth;
  group.path = [...path, group];
  group.boxes = [];
  group.groupsInside = [];
  for (const one of group.inside) {
    if (one.group) {
      finish(one, depth + 1, group.path);
      for (const box of one.boxes) group.boxes.push(box);
      group.groupsInside.push(one, ...one.groupsInside);
    } else {
      one.depth = depth + 1;
      one.path = [...group.path, one];
      group.boxes.push(one);
    }
  }
  group.order = group.boxes.length ? Math.min(...group.boxes.map((box) => box.order)) : 0;
}

// edges from box to box, once each, with the passes that they join
function boxEdges(tree) {
  const found = new Map();
  for (let op = 0; op < nOps; op++) {
    for (const parent of G.ops.parents[op]) {
      const from = tree.boxOf[parent];
      const to = tree.boxOf[op];
      const key = `${from.key} ${to.key}`;
      if (!found.has(key)) found.set(key, { from, to, pairs: [], made: true, words: new Set() });
      const edge = found.get(key);
      marks(parent, op).forEach((word) => edge.words.add(word));
      edge.pairs.push([G.ops.pass[parent], G.ops.pass[op]]);
      if (!G.ops.made_inside[parent]) edge.made = false;
    }
  }
  const edges = [...found.values()];
  for (const edge of edges) {
    edge.arm = [...edge.words].join(", ");
    edge.label = edge.arm || passLabel(edge);
  }
  for (const box of tree.boxes) (box.into = []), (box.out = []);
  for (const edge of edges) edge.from.out.push(edge), edge.to.into.push(edge);
  return edges;
}

// the arms that were taken, and the tests, into which an edge between two operations leads
function marks(parent, child) {
  return [G.marks.arms, G.marks.deciding].flatMap((found) => {
    const before = (found[parent] || []).map(String);
    return (found[child] || []).filter((one) => !before.includes(String(one))).map((one) => one[1]);
  });
}

// which pass leads to which, where it is not each to its own
function passLabel(edge) {
  const most = Math.max(edge.from.passes, edge.to.passes);
  if (most === 1) return "";
  const each = edge.pairs.length === most && edge.pairs.every(([a, b]) => a === b);
  if (each) return "";
  const out = edge.from.passes > 1 ? ranges(edge.pairs.map((pair) => pair[0])) : "";
  const into = edge.to.passes > 1 ? ranges(edge.pairs.map((pair) => pair[1])) : "";
  return `${out} → ${into}`.trim();
}

function ranges(numbers) {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const runs = [];
  for (const number of sorted) {
    const run = runs[runs.length - 1];
    if (run && run[1] === number - 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

function describeBox(box, unrolled) {
  const op = box.ops[0];
  const kind = G.ops.kind[op];
  const held = box.ops.find((one) => G.ops.parameters[one]);
  const tests = box.ops.filter((one) => G.marks.tests[one]);
  const called = tests.length ? "test" : held === undefined ? "plain" : "parameters";
  box.fill = kind === "call" ? called : kind;
  box.made = box.ops.every((one) => G.ops.made_inside[one]);
  box.buffers = box.ops.some((one) => G.ops.buffers[one]);
  box.leaf = leafModule(op);
  const label = unrolled ? G.ops.label[op] : G.layers.label[G.ops.layer[op]];
  const sizes = [...new Set(box.ops.map((one) => G.ops.size[one]))];
  box.name = label;
  box.lines = [box.passes > 1 ? `${label} (x${box.passes})` : label];
  box.lines.push(sizes.length > 1 ? `${sizes[0]} +${sizes.length - 1}` : sizes[0]);
  if (held !== undefined) box.lines.push(G.ops.parameters[held]);
  if (box.leaf) box.lines.push(`@${box.leaf}`);
  box.lines.push(...new Set(tests.flatMap((one) => G.marks.tests[one])));
}

function describeGroup(group) {
  if (group.lines) return;
  const { calls } = G;
  const last = calls.outputs[group.call];
  const output = last && last.length ? G.ops.size[last[last.length - 1]] : "";
  const number = calls.number[group.call];
  const several = callCount(group.address) > 1;
  const short = group.around.address && group.address.startsWith(`${group.around.address}.`);
  const name = short ? group.address.slice(group.around.address.length + 1) : group.address;
  group.name = group.calls > 1 ? `${name} (x${group.calls})` : name;
  if (several && group.calls === 1) group.name = `${name}:${number}`;
  const n = group.boxes.length;
  const held = group.boxes.some((box) => box.fill === "parameters");
  group.lines = [group.name, calls.class[group.call]];
  if (output) group.lines.push(output);
  const what = view.tree.unrolled ? "operation" : "layer";
  group.lines.push(`${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`);
  group.fill = held ? "parameters" : "plain";
  group.made = group.boxes.every((box) => box.made);
}
