// Pictures of values and what a run found, for the panel.

function showValues(op) {
  const value = pictures()[op];
  if (value) section("value", ...valueParts(value));
  const run = results();
  const found = run && run.ops[op];
  if (found) section(`run ${run.folder}`, ...runParts(found));
}

function valueParts({ picture, histogram }) {
  const parts = [];
  if (picture) parts.push(greyImage(picture.png, "The value as a picture", 300), line(picture.caption, "soft"));
  parts.push(bars(histogram.counts));
  const { low, high, mean, zeros, sampled, numbers, nan, infinite } = histogram;
  const plain = (value) => (typeof value === "number" ? number(value) : value);
  parts.push(line(`${plain(low)} to ${plain(high)}, mean ${plain(mean)}, ${Math.round((100 * zeros) / sampled)} % zero`, "soft"));
  if (sampled < numbers) parts.push(line(`${number(sampled)} of ${number(numbers)} numbers`, "soft"));
  if (nan || infinite) parts.push(line(`${number(nan)} not a number, ${number(infinite)} infinite`));
  return parts;
}

function greyImage(png, alt, width) {
  const made = element("img", { src: `data:image/png;base64,${png}`, alt });
  made.addEventListener("load", () => (made.style.width = `${Math.min(width, made.naturalWidth * 6)}px`));
  return made;
}

function bars(counts) {
  const chart = svgElement("svg", { class: "bars", viewBox: `0 0 ${counts.length} 1`, preserveAspectRatio: "none", role: "img" });
  chart.setAttribute("aria-label", `Histogram in ${counts.length} bins`);
  const most = Math.max(1, ...counts);
  counts.forEach((count, at) => {
    const height = count / most;
    svgElement("rect", { x: at + 0.05, y: 1 - height, width: 0.9, height }, chart);
  });
  return chart;
}

const MOST_SCORES = 30;

function scoreText(one) {
  const known = (value) => typeof value === "number";
  const place = [one.reference, one.region, known(one.time_ms) ? `${number(one.time_ms)} ms` : one.time_ms];
  const spread = known(one.ci_low)
    ? ` (${number(one.ci_low)} to ${number(one.ci_high)})`
    : known(one.sem) ? ` ± ${number(one.sem)}` : "";
  const ceiling = known(one.ceiling_lower) ? `, ceiling ${number(one.ceiling_lower)} to ${number(one.ceiling_upper)}` : "";
  const score = known(one.score) ? number(one.score) : "none";
  return `${place.filter((text) => text).join(" ")}: ${one.measure} ${score}${spread}${ceiling}, ${one.n_stimuli} stimuli`;
}

function runParts({ name, pass, scores, rdm }) {
  const parts = [line(`${name}, pass ${pass}`, "soft")];
  for (const one of scores.slice(0, MOST_SCORES)) parts.push(line(scoreText(one)));
  if (scores.length > MOST_SCORES) parts.push(line(`and ${scores.length - MOST_SCORES} more scores`));
  if (rdm) parts.push(greyImage(rdm.png, "The RDM of this layer", 276), line(`RDM, ${rdm.measure}; dark is alike`, "soft"));
  return parts;
}

// what boxes can be coloured by: for each operation a number, or null
const COLOURS = {
  kind: null,
  "time": () => numbers("seconds"),
  "FLOPs": () => numbers("flops"),
  "bytes": () => numbers("bytes"),
  "parameters": () => numbers("n_parameters"),
};
const COLUMN = { seconds: "time", flops: "FLOPs", bytes: "bytes", n_parameters: "parameters" };
const UNITS = { time: "s", FLOPs: "FLOP", bytes: "bytes" };
// those whose numbers are not added up over what is in a module
const averaged = new Set();

// one for each measure and reference of the run, the one to start with first
const scored = (() => {
  const all = results() ? Object.values(results().ops).flatMap((one) => one.scores) : [];
  const kinds = new Map(all.map((one) => [`${one.measure} with ${one.reference}`, one]));
  const first = (one) => (START.reference && one.reference !== START.reference ? 1 : 0);
  return [...kinds].sort((a, b) => first(a[1]) - first(b[1])).map(([name, one]) => {
    const same = (other) => other.measure === one.measure && other.reference === one.reference;
    const numbersOf = (found) => (found ? meanScore(found.scores.filter(same)) : null);
    COLOURS[name] = () => G.ops.label.map((_, op) => numbersOf(results().ops[op]));
    return name;
  });
})();

// the name of what the page starts with
function firstColour() {
  const name = START.color === "score" ? scored[0] : COLUMN[START.color] || START.color;
  if (!name || name in COLOURS) return name || "kind";
  COLOURS[name] = () => START.numbers;
  UNITS[name] = START.unit;
  if (!START.added) averaged.add(name);
  return name;
}

function numbers(name) {
  const column = tables().ops.find((one) => one.name === name);
  return G.ops.label.map((_, op) => cell(column, op));
}

function meanScore(scores) {
  const known = scores.map((one) => one.score).filter((one) => typeof one === "number");
  return known.length ? known.reduce((a, b) => a + b) / known.length : null;
}

function meanOf(ops, all) {
  const known = ops.map((op) => all[op]).filter((one) => typeof one === "number");
  return known.length ? known.reduce((a, b) => a + b) / known.length : null;
}

const colourNumbers = {};
function amountOf(thing) {
  const name = view.colour;
  if (!COLOURS[name]) return null;
  colourNumbers[name] = colourNumbers[name] || COLOURS[name]();
  const all = colourNumbers[name];
  if (scored.includes(name)) {
    const calls = thing.group && (thing.calls > 1 ? callsOf(thing.address) : [thing.call]);
    return meanOf(thing.group ? calls.flatMap((call) => G.calls.outputs[call]) : thing.ops, all);
  }
  const ops = thing.group ? thing.boxes.flatMap((box) => box.ops) : thing.ops;
  return averaged.has(name) ? meanOf(ops, all) : ops.reduce((sum, op) => sum + (all[op] || 0), 0);
}

function scaleColours() {
  const amounts = view.scene.boxes.map((item) => (item.thing.amount = amountOf(item.thing)));
  const known = amounts.filter((one) => one !== null);
  const ownRange = scored.includes(view.colour) || averaged.has(view.colour);
  view.most = known.length ? known.reduce((a, b) => Math.max(a, b)) : null;
  view.least = ownRange && known.length ? known.reduce((a, b) => Math.min(a, b)) : 0;
}

// 0 to 9, by the square root of the share of the largest; null without a number. The least score is
// 1, to be told from what has none
function levelOf(thing) {
  if (thing.amount === null || thing.amount === undefined) return null;
  const share = view.most > view.least ? (thing.amount - view.least) / (view.most - view.least) : 0;
  const least = scored.includes(view.colour) ? 1 : 0;
  return Math.round(least + (9 - least) * Math.sqrt(Math.max(0, share)));
}

function heat(element, level) {
  if (level === null || level === "null") return;
  element.classList.add("heat");
  element.style.setProperty("--level", `${level * 10}%`);
}
