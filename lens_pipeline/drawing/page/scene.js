// From the tree with its opened groups to things with absolute places: frames, boxes, edges.
//
// Where an edge crosses the border of an opened group it passes a port: one per outer end, so that
// the line outside and the line inside meet. A layout is kept until something in it is opened.

const TITLE = 24;
const PAD = 14;
const LINE = 16;
// the lid of what reads buffers, which is a cylinder
const CAP = 7;
const MOST_PORTS = 12;
const REST = "*";
const MOST_DASHED = 3000;

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();
function textWidth(text, bold) {
  const key = bold ? `b${text}` : text;
  if (!widths.has(key)) {
    pen.font = bold ? "600 12px sans-serif" : "12px sans-serif";
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}

function fitted(text, most, bold) {
  if (textWidth(text, bold) <= most) return text;
  const share = most / textWidth(text, bold);
  return `${text.slice(0, Math.max(1, Math.floor(text.length * share) - 1))}…`;
}

const MOST_WIDTH = 280;
function measure(thing) {
  if (thing.size) return thing.size;
  if (thing.group) describeGroup(thing);
  thing.shown = thing.lines.map((line, at) => fitted(line, MOST_WIDTH, at === 0));
  const w = Math.max(...thing.shown.map((line, at) => textWidth(line, at === 0)));
  thing.size = { w: Math.max(64, w + (thing.group || thing.leaf ? 24 : 34)), h: thing.shown.length * LINE + 12 + (thing.buffers ? CAP : 0) };
  return thing.size;
}

function layoutGroup(group) {
  if (group.layout) return group.layout;
  const things = group.inside.map((one, slot) => {
    one.slot = slot;
    const open = one.group && one.opened;
    const { w, h } = open ? layoutGroup(one) : measure(one);
    return { w, h, order: one.order };
  });
  const ports = { in: new Map(), out: new Map() };
  const edges = lifted(group, things, ports);
  const found = layered(things, edges, [...ports.in.values()], [...ports.out.values()]);
  group.layout = framed(group, found, ports);
  return group.layout;
}

// the edges between what is directly inside a group, with those that cross its border
function lifted(group, things, ports) {
  const found = new Map();
  const slotOf = (box) => box.path[group.depth + 1].slot;
  const inside = (box) => box.path[group.depth] === group;
  const port = (which, key) => {
    const known = ports[which];
    const name = known.has(key) || known.size < MOST_PORTS ? key : REST;
    if (!known.has(name)) {
      known.set(name, things.length);
      things.push({ w: POINT, h: 0, order: 0 });
    }
    return known.get(name);
  };
  const add = (a, b, edge) => {
    const self = a === b;
    if (self && group.inside[a] && group.inside[a].group) return;
    const aOff = offsetOf(group.inside[a], "out", edge.from.key);
    const bOff = offsetOf(group.inside[b], "in", edge.from.key);
    const key = `${a} ${aOff} ${b} ${bOff} ${edge.arm}`;
    if (!found.has(key)) found.set(key, { a, b, aOff, bOff, members: [] });
    found.get(key).members.push(edge);
  };
  for (const box of group.boxes) {
    for (const edge of box.into) {
      add(inside(edge.from) ? slotOf(edge.from) : port("in", edge.from.key), slotOf(box), edge);
    }
    for (const edge of box.out) {
      if (!inside(edge.to)) add(slotOf(box), port("out", box.key), edge);
    }
  }
  return [...found.values()];
}

function offsetOf(thing, which, key) {
  if (!thing || !thing.group || !thing.opened) return 0;
  const ports = thing.layout.ports[which];
  const x = ports.has(key) ? ports.get(key) : ports.get(REST);
  return x === undefined ? 0 : x;
}

// shift a layout into its frame; places are relative to the frame's middle (x) and top (y)
function framed(group, found, ports) {
  const { points } = found;
  let left = Infinity;
  let right = -Infinity;
  for (const point of points) {
    left = Math.min(left, point.x - point.w / 2);
    right = Math.max(right, point.x + point.w / 2);
  }
  if (left > right) left = right = 0;
  found.back.forEach((edge, at) => {
    edge.left = blocked(points, edge, 1) && !blocked(points, edge, -1);
    const sign = edge.left ? -1 : 1;
    edge.side = sign * (farthest(points, edge, sign) + 16 + (at % 5) * 7);
    const room = labelOf(edge) ? textWidth(labelOf(edge)) + 10 : 0;
    right = Math.max(right, edge.side + (edge.left ? 0 : room));
    left = Math.min(left, edge.side - (edge.left ? room : 0));
  });
  const root = group.call < 0;
  if (!root) describeGroup(group);
  const title = root ? 0 : textWidth(titleOf(group), true) + 50;
  const w = Math.max(right - left + 2 * PAD, title);
  const middle = (left + right) / 2;
  const top = root ? PAD : TITLE + (ports.in.size ? 6 : PAD);
  for (const point of points) {
    point.x -= middle;
    point.y += top;
    point.row = [point.row[0] + top, point.row[1] + top];
  }
  for (const edge of found.back) edge.side -= middle;
  const height = found.height + top + (ports.out.size ? 8 : PAD);
  const xs = (known) => new Map([...known].map(([key, at]) => [key, points[at].x]));
  const outer = { in: xs(ports.in), out: xs(ports.out) };
  return { ...found, w, h: height, ports: outer, portsIn: ports.in, portsOut: ports.out };
}

const titleOf = (group) => `${group.name} (${G.calls.class[group.call]})`;

// does something stand beside an end of a loop, to the right (1) or to the left (-1)?
function blocked(points, edge, sign) {
  return [edge.a, edge.b].some((end) => {
    const { x, row } = points[end];
    return points.some((one) => one.row[0] === row[0] && !one.between && sign * (one.x - x) > 1);
  });
}

// how far out, to the right (1) or to the left (-1), a loop has to go
function farthest(points, edge, sign) {
  const [one, other] = [points[edge.a], points[edge.b]];
  const [low, high] = [Math.min(one.y, other.y), Math.max(one.y, other.y)];
  const passed = points.filter((point) => point.y >= low - 1 && point.y <= high + 1);
  return passed.reduce((most, point) => Math.max(most, sign * point.x + point.w / 2), -Infinity);
}

function labelOf(edge) {
  return edge.members.length === 1 ? edge.members[0].label : "";
}

// everything that can be seen, with absolute places
function sceneOf(tree) {
  const scene = { boxes: [], frames: [], edges: [], place: new Map() };
  const layout = layoutGroup(tree.root);
  put(scene, tree.root, 0, 0);
  scene.w = layout.w;
  scene.h = layout.h;
  return scene;
}

function put(scene, group, x, y) {
  const { points, routes, back, portsIn, portsOut, h } = group.layout;
  group.inside.forEach((one, slot) => {
    const point = points[slot];
    const item = { thing: one, x: x + point.x, y: y + point.y, w: point.w, h: point.h };
    scene.place.set(one, item);
    if (one.group && one.opened) {
      item.title = { item };
      scene.frames.push(item);
      put(scene, one, item.x, item.y - item.h / 2);
    } else {
      scene.boxes.push(item);
    }
  });
  for (const { edge, via } of routes) scene.edges.push(route(points, edge, via, x, y));
  for (const edge of back) scene.edges.push(loop(points, edge, x, y));
  const stub = (at, y0, y1) => {
    const px = x + points[at].x;
    scene.edges.push(styled({ members: [], stub: true }, `M${px} ${y0}V${y1}`, [px, y0, px, y1]));
  };
  for (const at of portsIn.values()) stub(at, y, y + points[at].y);
  for (const at of portsOut.values()) stub(at, y + points[at].y, y + h);
}

function route(points, edge, via, x, y) {
  const [from, to] = [points[edge.a], points[edge.b]];
  let px = x + from.x + edge.aOff;
  let py = y + from.y + from.h / 2;
  let d = `M${px.toFixed(1)} ${py.toFixed(1)}`;
  let [low, high] = [px, px];
  const startY = py;
  const curve = (nx, ny) => {
    const my = ((py + ny) / 2).toFixed(1);
    d += `C${px.toFixed(1)} ${my} ${nx.toFixed(1)} ${my} ${nx.toFixed(1)} ${ny.toFixed(1)}`;
    [px, py] = [nx, ny];
    [low, high] = [Math.min(low, nx), Math.max(high, nx)];
  };
  for (const at of via) {
    const point = points[at];
    curve(x + point.x, y + point.row[0]);
    d += `V${(y + point.row[1]).toFixed(1)}`;
    py = y + point.row[1];
  }
  curve(x + to.x + edge.bOff, y + to.y - to.h / 2);
  const made = styled(edge, d, [low, startY, high, py]);
  made.long = to.rank - from.rank > LONG;
  if (made.long) made.label = "";
  made.arrow = to.h > 0;
  const startX = x + from.x + edge.aOff;
  made.at = via.length ? [startX + 5, startY + 13] : [(px + startX) / 2 + 5, (startY + py) / 2 + 4];
  return made;
}

function loop(points, edge, x, y) {
  const [from, to] = [points[edge.a], points[edge.b]];
  const self = edge.a === edge.b;
  const sign = edge.left ? -1 : 1;
  const [ax, ay] = [x + from.x + (sign * from.w) / 2, y + from.y + (self ? from.h / 4 : 0)];
  const [bx, by] = [x + to.x + (sign * to.w) / 2, y + to.y - (self ? to.h / 4 : 0)];
  const side = x + edge.side;
  const r = Math.min(14, Math.abs(ay - by) / 2);
  const turn = ay > by ? -r : r;
  const inner = side - sign * r;
  const d = `M${ax} ${ay}H${inner}Q${side} ${ay} ${side} ${ay + turn}V${by - turn}Q${side} ${by} ${inner} ${by}H${bx}`;
  const box = [Math.min(ax, bx, side - 60), Math.min(ay, by), Math.max(ax, bx, side + 60), Math.max(ay, by)];
  const made = styled(edge, d, box);
  made.loop = sign;
  made.arrow = true;
  made.at = [side + 4 - (edge.left ? textWidth(made.label) + 8 : 0), (ay + by) / 2 + 4];
  return made;
}

function styled(edge, d, box) {
  const made = edge.members.length > 0 && edge.members.every((one) => one.made);
  const arm = edge.members.length > 0 && edge.members.every((one) => one.arm);
  const label = labelOf(edge);
  // thousands of dashes of one line take longer to draw than a frame lasts
  const endless = box[2] - box[0] + box[3] - box[1] > MOST_DASHED;
  return { d, box, members: edge.members, made, endless, arm, label, stub: edge.stub, again: label && !arm };
}
