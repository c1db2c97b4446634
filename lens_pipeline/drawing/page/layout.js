// The layout of one opened group: ranks from top to bottom, order in a rank, positions.
//
// After Sugiyama, Tagawa and Toda (1981). Edges that run against the order of execution and would
// close a circle (loops of a rolled graph) are drawn at the side and take no part. An edge over several ranks is a chain of
// points, shared by all readers of one output; beyond LONG ranks it is one curve. Positions in a
// rank are the closest to the means of the neighbours' that keep order and distance, found by
// pooling adjacent violators.

const LONG = 40;
const GAP_X = 18;
const GAP_Y = 30;
const POINT = 8;

// things: {w, h, order}; edges: {a, b, aOff, bOff, key}, a and b indices of things; ports: indices
// of things that are pinned to the first (top) and last (bottom) rank.
function layered(things, edges, top, bottom) {
  const first = new Set(top);
  const last = new Set(bottom);
  const { forward, back } = directed(things, edges, first, last);
  const rank = ranked(things, forward, first, last);
  const points = things.map((thing, at) => ({ w: thing.w, h: thing.h, rank: rank[at], links: [] }));
  const routes = forward.map((edge) => ({ edge, via: [] }));
  chains(points, routes, rank);
  const rows = ordered(points, things);
  placeAcross(points, rows);
  const height = placeDown(points, rows);
  return { points, routes, back, height };
}

// edges with the order of execution, those against it that close no circle (short ones first), and
// the rest
function directed(things, edges, first, last) {
  const forward = [];
  const against = [];
  for (const edge of edges) {
    const pinned = first.has(edge.a) || last.has(edge.b);
    (pinned || things[edge.a].order < things[edge.b].order ? forward : against).push(edge);
  }
  const out = things.map(() => []);
  for (const edge of forward) out[edge.a].push(edge.b);
  const back = [];
  const reach = (edge) => things[edge.a].order - things[edge.b].order;
  for (const edge of against.sort((one, other) => reach(one) - reach(other))) {
    if (leadsTo(out, edge.b, edge.a)) back.push(edge);
    else forward.push(edge), out[edge.a].push(edge.b);
  }
  return { forward, back };
}

function leadsTo(out, from, to) {
  const seen = new Set([from]);
  const waiting = [from];
  while (waiting.length) {
    const at = waiting.pop();
    if (at === to) return true;
    for (const next of out[at]) if (!seen.has(next)) seen.add(next), waiting.push(next);
  }
  return false;
}

// for each thing the row it stands in, counted from the top
function ranked(things, edges, first, last) {
  const out = things.map(() => []);
  const into = things.map(() => []);
  for (const edge of edges) out[edge.a].push(edge.b), into[edge.b].push(edge.a);
  const low = first.size ? 1 : 0;
  const rank = things.map((_, at) => (first.has(at) ? 0 : low));
  const missing = into.map((from) => from.length);
  const waiting = missing.flatMap((n, at) => (n ? [] : [at]));
  for (const at of waiting) {
    for (const to of out[at]) {
      rank[to] = Math.max(rank[to], rank[at] + 1);
      if (!--missing[to]) waiting.push(to);
    }
  }
  // what nothing leads to stands just above its first reader
  things.forEach((_, at) => {
    if (into[at].length || !out[at].length || first.has(at)) return;
    rank[at] = Math.max(low, Math.min(...out[at].map((to) => rank[to])) - 1);
  });
  const end = rank.reduce((most, one, at) => (last.has(at) ? most : Math.max(most, one)), low) + 1;
  for (const at of last) rank[at] = end;
  return rank;
}

// add the points between the ends of edges, and the links that order and position follow
function chains(points, routes, rank) {
  const known = new Map();
  const link = (above, below, offset, weight) => {
    points[above].links.push({ to: below, offset, down: true, weight });
    points[below].links.push({ to: above, offset: -offset, down: false, weight });
  };
  for (const route of routes) {
    const { a, b, aOff, bOff } = route.edge;
    const span = rank[b] - rank[a];
    if (span > LONG) continue;
    let from = a;
    let offset = aOff;
    for (let at = rank[a] + 1; at < rank[b]; at++) {
      const key = `${a} ${aOff} ${at}`;
      let point = known.get(key);
      if (point === undefined) {
        point = points.length;
        known.set(key, point);
        points.push({ w: POINT, h: 0, rank: at, links: [], between: true });
        link(from, point, offset, 4);
      }
      route.via.push(point);
      from = point;
      offset = 0;
    }
    link(from, b, offset - bOff, 1);
  }
}

// rows of points from top to bottom, each ordered to cross few links
function ordered(points, things) {
  const rows = [];
  points.forEach((point, at) => (rows[point.rank] = rows[point.rank] || []).push(at));
  for (let at = 0; at < rows.length; at++) rows[at] = rows[at] || [];
  const start = (at) => (things[at] ? things[at].order : start(points[at].links[0].to));
  for (const row of rows) row.sort((a, b) => start(a) - start(b));
  rows.forEach(number);
  const sweeps = points.length > 6000 ? 2 : 6;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const down = sweep % 2 === 0;
    const order = down ? rows : [...rows].reverse();
    for (const row of order) {
      for (const at of row) points[at].mean = meanPlace(points, at, !down);
      row.sort((a, b) => points[a].mean - points[b].mean || points[a].at - points[b].at);
      number(row);
    }
  }
  return rows;
  function number(row) {
    row.forEach((at, place) => (points[at].at = place / Math.max(1, row.length - 1)));
  }
}

function meanPlace(points, at, down) {
  let sum = 0;
  let n = 0;
  for (const link of points[at].links) if (link.down === down) (sum += points[link.to].at), n++;
  return n ? sum / n : points[at].at;
}

function placeAcross(points, rows) {
  for (const row of rows) {
    let x = 0;
    for (const at of row) {
      points[at].x = x + points[at].w / 2;
      x += points[at].w + GAP_X;
    }
    for (const at of row) points[at].x -= x / 2;
  }
  const rounds = points.length > 6000 ? 4 : 8;
  for (let round = 0; round < rounds; round++) {
    const down = round % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) settle(points, row, down, round);
  }
}

// put a row where its neighbours above (or below, and in the end both) would have it
function settle(points, row, down, round) {
  const blocks = [];
  let offset = 0;
  row.forEach((at, place) => {
    const point = points[at];
    if (place) offset += (points[row[place - 1]].w + point.w) / 2 + GAP_X;
    let sum = 0;
    let weight = 0;
    for (const link of point.links) {
      if (round < 6 && link.down === down) continue;
      sum += link.weight * (points[link.to].x - link.offset);
      weight += link.weight;
    }
    const own = weight ? 0 : 0.2;
    const goal = (sum + own * point.x) / (weight + own);
    let block = { sum: (weight + own) * (goal - offset), weight: weight + own, n: 1 };
    while (blocks.length && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].weight > block.sum / block.weight) {
      const before = blocks.pop();
      block = { sum: before.sum + block.sum, weight: before.weight + block.weight, n: before.n + block.n };
    }
    blocks.push(block);
  });
  let place = 0;
  offset = 0;
  for (const block of blocks) {
    for (let n = 0; n < block.n; n++, place++) {
      if (place) offset += (points[row[place - 1]].w + points[row[place]].w) / 2 + GAP_X;
      points[row[place]].x = block.sum / block.weight + offset;
    }
  }
}

function placeDown(points, rows) {
  let y = 0;
  rows.forEach((row) => {
    const h = Math.max(0, ...row.map((at) => points[at].h));
    for (const at of row) {
      points[at].y = y + h / 2;
      points[at].row = [y, y + h];
    }
    y += h + GAP_Y;
  });
  return Math.max(0, y - GAP_Y);
}
