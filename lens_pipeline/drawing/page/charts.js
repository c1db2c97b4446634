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
  "score": () => {
    const found = results().ops;
    return G.ops.label.map((_, op) => (found[op] && found[op].scores.length ? meanScore(found[op].scores) : null));
  },
};

function numbers(name) {
  const column = tables().ops.find((one) => one.name === name);
  return G.ops.label.map((_, op) => cell(column, op));
}

function meanScore(scores) {
  const known = scores.map((one) => one.score).filter((one) => typeof one === "number");
  return known.length ? known.reduce((a, b) => a + b) / known.length : null;
}

const UNITS = { time: "s", FLOPs: "FLOP", bytes: "bytes" };
const colourNumbers = {};
function amountOf(thing) {
  const name = view.colour;
  if (!COLOURS[name]) return null;
  colourNumbers[name] = colourNumbers[name] || COLOURS[name]();
  const all = colourNumbers[name];
  if (name === "score") {
    const own = thing.group ? G.calls.outputs[thing.call] : thing.ops;
    const known = own.map((op) => all[op]).filter((one) => one !== null);
    return known.length ? known[known.length - 1] : null;
  }
  const ops = thing.group ? thing.boxes.flatMap((box) => box.ops) : thing.ops;
  return ops.reduce((sum, op) => sum + (all[op] || 0), 0);
}

function scaleColours() {
  const amounts = view.scene.boxes.map((item) => (item.thing.amount = amountOf(item.thing)));
  const known = amounts.filter((one) => one !== null);
  view.most = known.reduce((a, b) => Math.max(a, b), -Infinity);
  view.least = view.colour === "score" ? known.reduce((a, b) => Math.min(a, b), Infinity) : 0;
}

// 0 to 9, by the square root of the share of the largest; null without a number
function levelOf(thing) {
  if (thing.amount === null || thing.amount === undefined) return null;
  const share = view.most > view.least ? (thing.amount - view.least) / (view.most - view.least) : 0;
  return Math.round(9 * Math.sqrt(Math.max(0, share)));
}

function heat(element, level) {
  if (level === null || level === "null") return;
  element.classList.add("heat");
  element.style.setProperty("--level", `${level * 10}%`);
}
