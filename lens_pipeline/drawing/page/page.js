// What happens on a click, a key, a turn of the wheel; and the start.

const trees = {};
function treeFor(unrolled) {
  const name = unrolled ? "every" : "rolled";
  return (trees[name] = trees[name] || buildTree(unrolled));
}

function setOpened(group, opened) {
  group.opened = opened;
  for (let one = group; one; one = one.around) one.layout = null;
}

function toggle(group) {
  const before = placeOf(group);
  const top = [before.x * camera.k + camera.x, (before.y - before.h / 2) * camera.k + camera.y];
  setOpened(group, !group.opened);
  rebuild();
  const after = placeOf(group);
  camera.x = top[0] - after.x * camera.k;
  camera.y = top[1] - (after.y - after.h / 2) * camera.k;
  inSight(after);
  draw();
}

// make a frame that was opened as small as fits the view, while it can be read, and put it inside
function inSight(item) {
  const { w } = screenSize();
  const wanted = (w - 40) / item.w;
  if (wanted < camera.k) {
    const top = (item.y - item.h / 2) * camera.k + camera.y;
    camera.k = Math.max(wanted, Math.min(camera.k, 0.5));
    camera.y = top - (item.y - item.h / 2) * camera.k;
  }
  const half = (item.w / 2) * camera.k;
  const x = item.x * camera.k + camera.x;
  if (half > w / 2 - 20) camera.x += w / 2 - x;
  else camera.x += Math.max(0, 20 + half - x) + Math.min(0, w - 20 - half - x);
}

function openAll(opened) {
  const { root } = view.tree;
  for (const group of root.groupsInside) {
    group.opened = opened;
    group.layout = null;
  }
  root.layout = null;
  rebuild();
  fitAll();
}

function choose(thing, { which, go = false } = {}) {
  view.chosen = thing;
  if (go && thing) reveal(thing);
  drawMarks();
  fillPanel(thing, which);
  const name = thing ? thing.lines[0] : G.model;
  say(thing ? `${name}${thing.group ? (thing.opened ? ", opened" : ", closed") : ""}` : "");
}

// open the modules around a thing and bring it into sight
function reveal(thing) {
  let changed = false;
  for (let one = thing.around; one; one = one.around) {
    if (!one.opened) (changed = true), setOpened(one, true);
  }
  if (changed) rebuild();
  goTo(thing);
}

function chooseOp(op) {
  choose(view.tree.boxOf[op], { which: op, go: true });
}

function chooseModule(call) {
  const { groups, unrolled, boxOf } = view.tree;
  const key = unrolled ? `c${call}` : `m${G.calls.address[call]}`;
  const group = groups.get(key);
  const drawn = group && group.around.inside.includes(group);
  const [only] = group ? group.inside : [];
  if (drawn) choose(group, { go: true });
  else if (only) choose(only, { go: true });
  else if (G.calls.outputs[call].length) choose(boxOf[G.calls.outputs[call][0]], { go: true });
  else say("Nothing ran inside this module");
}

function clicked(event) {
  const { left, top } = svg.getBoundingClientRect();
  const hit = at(event.clientX - left, event.clientY - top);
  if (!hit) return choose(null);
  const { thing, title } = hit;
  if (thing.group && (!thing.opened || title)) toggle(thing);
  choose(thing);
}

// ---- the mouse ---------------------------------------------------------------------------------

let grip = null;
svg.addEventListener("pointerdown", (event) => {
  grip = { x: event.clientX, y: event.clientY, far: false };
  svg.setPointerCapture(event.pointerId);
});
svg.addEventListener("pointermove", (event) => {
  if (!grip) return;
  const [dx, dy] = [event.clientX - grip.x, event.clientY - grip.y];
  if (!grip.far && Math.abs(dx) + Math.abs(dy) < 4) return;
  svg.classList.add("held");
  camera.x += dx;
  camera.y += dy;
  grip = { x: event.clientX, y: event.clientY, far: true };
  moved();
});
svg.addEventListener("pointerup", (event) => {
  if (grip && !grip.far) clicked(event);
  grip = null;
  svg.classList.remove("held");
});
svg.addEventListener("pointercancel", () => (grip = null));
svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 20 : 1;
  if (event.ctrlKey || event.metaKey) {
    const { left, top } = svg.getBoundingClientRect();
    return zoom(Math.exp(-event.deltaY * unit * 0.004), event.clientX - left, event.clientY - top);
  }
  camera.x -= (event.shiftKey ? event.deltaY : event.deltaX) * unit;
  camera.y -= event.shiftKey ? 0 : event.deltaY * unit;
  moved();
}, { passive: false });

// ---- the keys ----------------------------------------------------------------------------------

// the thing that is drawn for a box: itself, or the outermost closed module around it
const drawnFor = (box) => box.path.find((one) => one.group && one.around && !one.opened) || box;

function along(down) {
  const here = view.chosen;
  if (!here) return view.scene.boxes.length ? view.scene.boxes[0].thing : null;
  const own = new Set(here.group ? here.boxes : [here]);
  for (const box of own) {
    for (const edge of down ? box.out : box.into) {
      const other = down ? edge.to : edge.from;
      if (!own.has(other)) return drawnFor(other);
    }
  }
  return here;
}

function beside(step) {
  const here = view.chosen && placeOf(view.chosen);
  if (!here) return along(true);
  const row = view.scene.boxes.filter((item) => Math.abs(item.y - here.y) < (item.h + here.h) / 2);
  const next = row.filter((item) => (item.x - here.x) * step > 1).sort((a, b) => (a.x - b.x) * step);
  return next.length ? next[0].thing : here.thing;
}

const GO = { ArrowDown: () => along(true), ArrowUp: () => along(false), ArrowLeft: () => beside(-1), ArrowRight: () => beside(1) };
const DO = {
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fitAll,
  o: () => openAll(true), c: () => openAll(false),
};

svg.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const thing = view.chosen;
  if (GO[event.key]) {
    const next = GO[event.key]();
    if (next) choose(next), nudge(next);
  } else if (event.key === "Enter" || event.key === " ") {
    if (thing && thing.group) toggle(thing), choose(thing);
    else if (thing) panel.focus();
  } else if (event.key === "Escape") {
    const out = thing && thing.around && thing.around.around ? thing.around : null;
    choose(out);
    if (out) nudge(out);
  } else if (DO[event.key]) DO[event.key]();
  else return;
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  event.preventDefault();
  query.focus();
  query.select();
});
panel.addEventListener("keydown", (event) => event.key === "Escape" && svg.focus());

// ---- the buttons -------------------------------------------------------------------------------

const press = (id, action) => document.getElementById(id).addEventListener("click", action);
press("open-all", () => openAll(true));
press("close-all", () => openAll(false));
press("fit", fitAll);
press("nearer", () => zoom(1.25));
press("farther", () => zoom(0.8));
press("copy-chosen", () => copy(document.getElementById("chosen").textContent));
press("clear-chosen", () => {
  picked.length = 0;
  showPicked();
});
document.getElementById("unrolled").addEventListener("change", (event) => {
  const op = view.chosen && !view.chosen.group ? view.chosen.ops[0] : null;
  show(treeFor(event.target.checked));
  choose(null);
  fitTop();
  if (op !== null) chooseOp(op);
});

const colour = document.getElementById("colour");
view.colour = firstColour();
for (const name of Object.keys(COLOURS)) colour.append(element("option", { value: name }, name));
colour.value = view.colour;
colour.addEventListener("change", () => {
  view.colour = colour.value;
  rebuild();
  legend();
});

function legend() {
  const kinds = [["input", "input"], ["output", "output"], ["parameters", "has parameters"], ["made", "made inside"]];
  if (Object.keys(G.marks.tests).length) kinds.push(["test", "decides a branch"]);
  const home = document.getElementById("legend");
  const items = kinds.map(([look, text]) => element("span", {}, element("i", { class: look }), text));
  const unit = UNITS[view.colour] || "";
  const range = () => `from white to orange: ${number(view.least)} to ${number(view.most)} ${unit}`;
  const scale = `${view.colour} ${view.most === null ? "is known of nothing here" : range()}`;
  home.replaceChildren(...(view.colour === "kind" ? items : [element("span", {}, scale)]));
}

new ResizeObserver(moved).observe(svg);
document.getElementById("unrolled").checked = !START.rolled;
const first = treeFor(!START.rolled);
for (const group of first.root.groupsInside) group.opened = !START.depth || group.depth < START.depth;
show(first);
fitTop();
choose(null);
legend();
showPicked();
performance.mark("page-ready");
