// The picture: a camera over the scene, and only what it sees as SVG elements.
//
// Elements are made for what lies within one screen of the view and kept while it stays there, so
// that moving costs the same for a hundred and for ten thousand operations. From afar, where no
// text could be read, boxes and edges of one look are one path.

const NS = "http://www.w3.org/2000/svg";
const FAR = 0.22;
const svg = document.getElementById("picture");
const world = svgElement("g", {}, svg);
const layers = ["frames", "edges", "boxes", "titles", "marks"].map((name) => svgElement("g", { class: name }, world));
const [frameLayer, edgeLayer, boxLayer, titleLayer, markLayer] = layers;
const camera = { x: 0, y: 0, k: 1 };
const view = { tree: null, scene: null, chosen: null, colour: "kind", drawn: null, most: 1, least: 0 };

function svgElement(name, attributes, home) {
  const element = document.createElementNS(NS, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (home) home.append(element);
  return element;
}

const screenSize = () => ({ w: svg.clientWidth || 1, h: svg.clientHeight || 1 });
const toWorld = (x, y) => [(x - camera.x) / camera.k, (y - camera.y) / camera.k];

function show(tree) {
  view.tree = tree;
  rebuild();
}

// lay out anew what was opened or closed, and draw it
function rebuild() {
  view.scene = sceneOf(view.tree);
  scaleColours();
  forget();
  draw();
}

function forget() {
  for (const layer of layers) layer.replaceChildren();
  view.drawn = null;
}

let waiting = false;
function moved() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function draw() {
  const { x, y, k } = camera;
  world.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${k.toFixed(4)})`);
  const { w, h } = screenSize();
  const [left, top] = toWorld(0, 0);
  const [right, bottom] = toWorld(w, h);
  const far = k < FAR;
  const drawn = view.drawn;
  const enough = drawn && drawn.far === far && left >= drawn.box[0] && top >= drawn.box[1] && right <= drawn.box[2] && bottom <= drawn.box[3];
  if (enough) return;
  const [mx, my] = [(right - left) / 2, (bottom - top) / 2];
  const box = [left - mx, top - my, right + mx, bottom + my];
  if (!drawn || drawn.far !== far) forget();
  const kept = view.drawn ? view.drawn.elements : new Map();
  view.drawn = { far, box, elements: far ? drawFar(box) : drawNear(box, kept) };
  drawMarks();
}

const meets = (item, [left, top, right, bottom]) =>
  item.x + item.w / 2 >= left && item.x - item.w / 2 <= right && item.y + item.h / 2 >= top && item.y - item.h / 2 <= bottom;
const edgeMeets = ({ box }, [left, top, right, bottom]) =>
  box[2] >= left && box[0] <= right && box[3] >= top && box[1] <= bottom;

function drawNear(box, kept) {
  world.classList.remove("far");
  const elements = new Map();
  const keep = (item, make, home) => {
    const element = kept.get(item) || make(item, home);
    elements.set(item, element);
    kept.delete(item);
  };
  for (const item of view.scene.frames) {
    if (!meets(item, box)) continue;
    keep(item, makeFrame, frameLayer);
    keep(item.title, makeTitle, titleLayer);
  }
  for (const edge of view.scene.edges) if (edgeMeets(edge, box)) keep(edge, makeEdge, edgeLayer);
  for (const item of view.scene.boxes) if (meets(item, box)) keep(item, makeBox, boxLayer);
  for (const element of kept.values()) element.remove();
  return elements;
}

function drawFar(box) {
  world.classList.add("far");
  for (const layer of layers) layer.replaceChildren();
  for (const item of view.scene.frames) if (meets(item, box)) makeFrame(item, frameLayer);
  const edges = new Map();
  for (const edge of view.scene.edges) {
    if (edgeMeets(edge, box)) edges.set(edgeLook(edge), (edges.get(edgeLook(edge)) || "") + edge.d);
  }
  for (const [look, d] of edges) svgElement("path", { class: look, d }, edgeLayer);
  const boxes = new Map();
  for (const item of view.scene.boxes) {
    if (!meets(item, box)) continue;
    const look = `${boxLook(item.thing)}|${levelOf(item.thing)}`;
    const d = `M${item.x - item.w / 2} ${item.y - item.h / 2}h${item.w}v${item.h}h${-item.w}z`;
    boxes.set(look, (boxes.get(look) || "") + d);
  }
  for (const [look, d] of boxes) {
    const [name, level] = look.split("|");
    heat(svgElement("path", { class: name, d }, boxLayer), level);
  }
  return new Map();
}

const boxLook = (thing) =>
  `box ${thing.fill}${thing.group ? " module" : ""}${thing.made ? " made" : ""}`;
const edgeLook = (edge) =>
  `edge${edge.made ? (edge.endless ? " faint" : " made") : ""}${edge.again ? " again" : ""}${edge.arm ? " arm" : ""}${edge.long ? " long" : ""}`;

function makeFrame(item, home) {
  const group = item.thing;
  const look = `frame${group.depth % 2 ? "" : " even"}${group.made ? " made" : ""}`;
  const element = svgElement("g", { "data-module": group.address, "data-open": "1" }, home);
  const [x, y] = [item.x - item.w / 2, item.y - item.h / 2];
  svgElement("rect", { class: look, x, y, width: item.w, height: item.h, rx: 8 }, element);
  return element;
}

// above the edges, which may come in where the title stands
function makeTitle({ item }, home) {
  const even = item.thing.depth % 2 ? "" : " even";
  const [x, y] = [item.x - item.w / 2 + 10, item.y - item.h / 2 + 17];
  return words(home, x, y, `▾ ${titleOf(item.thing)}`, `name title${even}`);
}

function makeBox(item, home) {
  const { thing } = item;
  const name = thing.group ? { "data-module": thing.address } : { "data-label": thing.name };
  const element = svgElement("g", name, home);
  const [x, y] = [item.x - item.w / 2, item.y - item.h / 2];
  const rx = thing.group || thing.leaf ? 5 : Math.min(22, item.h / 2);
  const rect = { class: boxLook(thing), x, y, width: item.w, height: item.h, rx };
  heat(svgElement("rect", rect, element), levelOf(thing));
  const lid = `M${x} ${y + 4}q${item.w / 2} ${2 * CAP} ${item.w} 0`;
  if (thing.buffers) svgElement("path", { class: "lid", d: lid }, element);
  const top = y + 17 + (thing.buffers ? CAP : 0);
  thing.shown.forEach((line, at) => {
    const text = at === 0 && thing.group ? `▸ ${line}` : line;
    const made = words(element, item.x, top + at * LINE, text, at === 0 ? "name" : "soft");
    made.setAttribute("text-anchor", "middle");
  });
  return element;
}

function words(home, x, y, text, look) {
  const element = svgElement("text", { x, y, class: look }, home);
  element.textContent = text;
  return element;
}

function makeEdge(edge, home) {
  const element = svgElement("g", {}, home);
  svgElement("path", { class: edgeLook(edge), d: edge.d }, element);
  if (edge.arrow) svgElement("path", { class: "head", d: arrowhead(edge) }, element);
  if (edge.label) words(element, edge.at[0], edge.at[1], edge.label, edge.arm ? "passes arm" : "passes");
  return element;
}

function arrowhead(edge) {
  const numbers = edge.d.match(/-?[\d.]+/g).map(Number);
  const n = numbers.length;
  if (!edge.loop) {
    const [x, y] = [numbers[n - 2], numbers[n - 1]];
    return `M${x - 3.5} ${y - 7}h7l-3.5 7z`;
  }
  const [x, y] = [numbers[n - 1], numbers[n - 2]];
  return `M${x + 7 * edge.loop} ${y - 3.5}v7l${-7 * edge.loop} -3.5z`;
}

// the chosen thing, and the edges at it
function drawMarks() {
  markLayer.replaceChildren();
  const item = view.chosen && placeOf(view.chosen);
  if (!item) return;
  const here = new Set(view.chosen.group ? [] : [view.chosen]);
  for (const edge of view.scene.edges) {
    const near = edge.members.some((one) => here.has(one.from) || here.has(one.to));
    if (near && edgeMeets(edge, view.drawn.box)) svgElement("path", { class: "edge near", d: edge.d }, markLayer);
  }
  const [x, y] = [item.x - item.w / 2 - 3, item.y - item.h / 2 - 3];
  svgElement("rect", { class: "chosen", x, y, width: item.w + 6, height: item.h + 6, rx: 8 }, markLayer);
}

// where a thing is drawn: itself, or the closed module around it
function placeOf(thing) {
  for (let one = thing; one; one = one.around) {
    if (view.scene.place.has(one)) return view.scene.place.get(one);
  }
  return null;
}

function at(x, y) {
  const [wx, wy] = toWorld(x, y);
  const within = (item) => Math.abs(wx - item.x) <= item.w / 2 && Math.abs(wy - item.y) <= item.h / 2;
  const box = view.scene.boxes.find(within);
  if (box) return { thing: box.thing, title: false };
  const frame = view.scene.frames.findLast(within);
  if (!frame) return null;
  return { thing: frame.thing, title: wy < frame.y - frame.h / 2 + TITLE };
}

function zoom(factor, x = screenSize().w / 2, y = screenSize().h / 2) {
  const k = Math.min(4, Math.max(0.01, camera.k * factor));
  camera.x = x - ((x - camera.x) * k) / camera.k;
  camera.y = y - ((y - camera.y) * k) / camera.k;
  camera.k = k;
  moved();
}

function fitAll() {
  const { w, h } = screenSize();
  const { scene } = view;
  lookAt(Math.min(1.1, (w - 40) / scene.w, (h - 40) / scene.h));
}

// from the top on, as large as can be read
function fitTop() {
  const { w, h } = screenSize();
  const { scene } = view;
  lookAt(Math.min(1.1, Math.max(0.75, Math.min((w - 40) / scene.w, (h - 40) / scene.h))));
}

function lookAt(k) {
  const { w, h } = screenSize();
  camera.k = k;
  camera.x = w / 2;
  camera.y = Math.max(20, (h - view.scene.h * k) / 2);
  draw();
}

// bring a thing to the middle, readable
function goTo(thing) {
  const item = placeOf(thing);
  if (!item) return;
  const { w, h } = screenSize();
  camera.k = Math.max(camera.k, 0.75);
  camera.x = w / 2 - item.x * camera.k;
  const tall = item.h * camera.k > h - 60;
  camera.y = tall ? 30 - (item.y - item.h / 2) * camera.k : h / 2 - item.y * camera.k;
  draw();
}

// keep a thing in sight without moving more than needed
function nudge(thing) {
  const item = placeOf(thing);
  const { w, h } = screenSize();
  const [x, y] = [item.x * camera.k + camera.x, item.y * camera.k + camera.y];
  const [rx, ry] = [Math.min(w / 2, (item.w / 2) * camera.k + 20), Math.min(h / 2, (item.h / 2) * camera.k + 20)];
  camera.x += Math.max(0, rx - x) + Math.min(0, w - rx - x);
  camera.y += Math.max(0, ry - y) + Math.min(0, h - ry - y);
  draw();
}
