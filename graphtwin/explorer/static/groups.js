// Candidate pairs, and what is asked of groups of them. Intervals resample axons.
const BIN_UM = 20, BINS = 60, REPLICATES = 1000, FEWEST_AXONS = 5, FEWEST_CONTROLS = 10;

class Pairs {
  constructor(contents) {
    const { arrays, words } = contents;
    Object.assign(this, { contents, pre: arrays.pre, post: arrays.post, nPost: arrays.post.length, models: words.pairs.models, told: words.pairs });
    this.isConnected = new Uint8Array(this.pre.length * this.nPost);
    this.size = new Map();
    for (let k = 0; k < arrays["synapse size"].length; k++) {
      const at = arrays.connected[2 * k] * this.nPost + arrays.connected[2 * k + 1];
      this.isConnected[at] = 1; this.size.set(at, arrays["synapse size"][k]);
    }
    this.rowOf = new Map([...this.pre].map((neuron, at) => [neuron, at]));
    this.columnOf = new Map([...this.post].map((neuron, at) => [neuron, at]));
  }

  levels(model) { return this.contents.arrays["levels " + model]; }
  // The probability at which a level begins.
  probability(level) { return 1 / (1 + Math.exp(-(this.told.lowest + this.told.step * level))); }

  distance(i, j) {
    const p = this.contents.arrays.places;
    return p ? Math.hypot(p[3 * i] - p[3 * j], p[3 * i + 1] - p[3 * j + 1], p[3 * i + 2] - p[3 * j + 2]) : NaN;
  }

  // Cosine of two embeddings.
  similarity(i, j) {
    const e = this.contents.arrays.embedding;
    if (!e) return NaN;
    let [dot, a, b] = [0, 0, 0];
    for (let k = 0; k < e.columns; k++) { const [x, y] = [e[i * e.columns + k], e[j * e.columns + k]]; dot += x * y; a += x * x; b += y * y; }
    return dot / Math.sqrt(a * b);
  }

  // Candidates of a neuron as an axon ("out") or as a target ("in"): those that connect, and the most probable of the others.
  of(i, side, model, most = 10) {
    const at = (side === "out" ? this.rowOf : this.columnOf).get(i);
    if (at === undefined) return null;
    const levels = this.levels(model), others = side === "out" ? this.post : this.pre, connected = [], rest = [];
    let candidates = 0;
    for (let k = 0; k < others.length; k++) {
      const place = side === "out" ? at * this.nPost + k : k * this.nPost + at;
      if (levels[place] === 255 || others[k] < 0) continue;
      candidates++;
      (this.isConnected[place] ? connected : rest).push([levels[place], others[k], place]);
    }
    const told = (list) => list.sort((a, b) => b[0] - a[0]).map(([level, neuron, place]) => ({ neuron, distance: this.distance(i, neuron), similarity: this.similarity(i, neuron),
      probability: this.probability(level + 0.5), size: this.size.has(place) ? this.size.get(place) : "" }));
    return { candidates, connected: told(connected), probable: told(rest).slice(0, most) };
  }

  // Bin of distance of every pair, 255 where a position is not known; one bin for all where no position is. Made at the first question.
  bins() {
    if (this.binOf) return this.binOf;
    const p = this.contents.arrays.places, bins = (this.binOf = new Uint8Array(this.pre.length * this.nPost));
    if (!p) return bins;
    for (let a = 0, at = 0; a < this.pre.length; a++) {
      const i = 3 * this.pre[a], x = p[i], y = p[i + 1], z = p[i + 2];
      for (let t = 0; t < this.nPost; t++, at++) {
        const j = 3 * this.post[t], dx = x - p[j], dy = y - p[j + 1], dz = z - p[j + 2], um = Math.sqrt(dx * dx + dy * dy + dz * dz);
        bins[at] = um >= 0 && um < Infinity ? Math.min(BINS - 1, um / BIN_UM) : 255;
      }
    }
    return bins;
  }

  // How often axons of A connect to B, over how often they connect to other targets: the rate ratio of Mantel and Haenszel 1959, whose
  // strata are an axon and a bin of distance each. It rests on strata that hold pairs of both kinds.
  between(inA, inB) {
    const levels = this.levels(this.models[0]), bins = this.bins(), top = [], below = [], n = new Int32Array(BINS), c = new Int32Array(BINS), otherN = new Int32Array(BINS), otherC = new Int32Array(BINS);
    const found = { axons: 0, pairs: 0, connected: 0, unplaced: 0, compared: 0, controls: 0, controlConnected: 0, expected: 0, rows: [], targets: 0 };
    for (let t = 0; t < this.nPost; t++) found.targets += inB[this.post[t]];
    for (let a = 0; a < this.pre.length; a++) {
      if (!inA[this.pre[a]]) continue;
      for (const counts of [n, c, otherN, otherC]) counts.fill(0);
      for (let t = 0, at = a * this.nPost; t < this.nPost; t++, at++) {
        if (levels[at] === 255) continue;
        const own = inB[this.post[t]], bin = bins[at];
        if (own) { found.pairs++; found.connected += this.isConnected[at]; if (bin === 255) found.unplaced++; }
        if (bin === 255) continue;
        if (own) { n[bin]++; c[bin] += this.isConnected[at]; } else { otherN[bin]++; otherC[bin] += this.isConnected[at]; }
      }
      let [p, q] = [0, 0];
      for (let b = 0; b < BINS; b++) if (n[b] && otherN[b]) {
        p += (c[b] * otherN[b]) / (n[b] + otherN[b]); q += (otherC[b] * n[b]) / (n[b] + otherN[b]);
        found.compared += n[b]; found.controls += otherN[b]; found.controlConnected += otherC[b]; found.expected += (n[b] * otherC[b]) / otherN[b];
      }
      top.push(p); below.push(q); found.axons++; found.rows.push(this.pre[a]);
    }
    const ratio = (weight) => { let [p, q] = [0, 0]; for (let k = 0; k < top.length; k++) { p += weight[k] * top[k]; q += weight[k] * below[k]; } return p / q; };
    const [low, high] = resampled(found.axons, ratio);
    return { ...found, rate: found.connected / found.pairs, ratio: ratio(top.map(() => 1)), low, high };
  }

  // Above a probability: precision, recall, and connections to expect of as many pairs of the same kind.
  above(model, level) {
    const levels = this.levels(model), hit = new Float64Array(this.pre.length), taken = new Float64Array(this.pre.length), all = new Float64Array(this.pre.length);
    for (let a = 0; a < this.pre.length; a++) for (let t = 0, at = a * this.nPost; t < this.nPost; t++, at++) {
      if (levels[at] === 255) continue;
      all[a] += this.isConnected[at];
      if (levels[at] >= level) { taken[a]++; hit[a] += this.isConnected[at]; }
    }
    const of = (top, below) => (weight) => { let [p, q] = [0, 0]; for (let a = 0; a < weight.length; a++) { p += weight[a] * top[a]; q += weight[a] * below[a]; } return p / q; };
    const ones = new Float64Array(this.pre.length).fill(1);
    return { taken: taken.reduce((a, b) => a + b, 0), precision: [of(hit, taken)(ones), ...resampled(this.pre.length, of(hit, taken), 200)], recall: [of(hit, all)(ones), ...resampled(this.pre.length, of(hit, all), 200)] };
  }

  // Similarity of an axon's targets, of all its candidates, and of candidates drawn at the distances of its targets.
  likeToLike(i) {
    const of = this.rowOf.get(i), levels = this.levels(this.models[0]);
    if (of === undefined || !this.contents.arrays.embedding) return null;
    const bins = new Map(), targets = [], all = [];
    for (let t = 0; t < this.nPost; t++) {
      const at = of * this.nPost + t;
      if (levels[at] === 255 || this.post[t] < 0) continue;
      const [like, bin] = [this.similarity(i, this.post[t]), this.bins()[at]];
      if (!Number.isFinite(like) || bin === 255) continue;
      all.push(like);
      if (!bins.has(bin)) bins.set(bin, []);
      bins.get(bin).push(like);
      if (this.isConnected[at]) targets.push([like, bin]);
    }
    if (targets.length < 2) return { targets: targets.length, candidates: all.length };
    const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length, found = mean(targets.map(([like]) => like)), draw = drawer(1), drawn = [];
    for (let k = 0; k < REPLICATES; k++) drawn.push(mean(targets.map(([, bin]) => { const from = bins.get(bin); return from[Math.floor(draw() * from.length)]; })));
    drawn.sort((a, b) => a - b);
    return { targets: targets.length, candidates: all.length, found, all: mean(all), matched: mean(drawn), low: drawn[Math.floor(0.025 * REPLICATES)], high: drawn[Math.floor(0.975 * REPLICATES)],
      p: Math.min(1, (2 * (1 + Math.min(drawn.filter((one) => one >= found).length, drawn.filter((one) => one <= found).length))) / (1 + REPLICATES)) };
  }
}

// Random numbers that are the same at every visit (mulberry32).
function drawer(seed) {
  let state = seed >>> 0;
  return () => { state = (state + 0x6d2b79f5) >>> 0; let t = state; t = Math.imul(t ^ (t >>> 15), t | 1); t ^= t + Math.imul(t ^ (t >>> 7), t | 61); return ((t ^ (t >>> 14)) >>> 0) / 4294967296; };
}

// 95 % percentile interval of a measure over axons drawn with replacement; NaN of fewer than five.
function resampled(n, measure, replicates = REPLICATES) {
  if (n < FEWEST_AXONS) return [NaN, NaN];
  const draw = drawer(0), found = [];
  for (let k = 0; k < replicates; k++) {
    const weight = new Uint16Array(n);
    for (let j = 0; j < n; j++) weight[Math.floor(draw() * n)]++;
    const value = measure(weight);
    if (Number.isFinite(value)) found.push(value);
  }
  found.sort((a, b) => a - b);
  return found.length < replicates / 2 ? [NaN, NaN] : [found[Math.floor(0.025 * found.length)], found[Math.ceil(0.975 * found.length) - 1]];
}
