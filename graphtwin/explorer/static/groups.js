// Candidate pairs, and what is asked of groups of them. Intervals resample axons.
const BIN_UM = 20, BINS = 60, REPLICATES = 1000, FEWEST_AXONS = 5;

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
      probability: this.probability(level), size: this.size.has(place) ? this.size.get(place) : "" }));
    return { candidates, connected: told(connected), probable: told(rest).slice(0, most) };
  }

  bin(i, j) { if (!this.contents.arrays.places) return 0; const um = this.distance(i, j); return Number.isFinite(um) ? Math.min(BINS - 1, Math.floor(um / BIN_UM)) : -1; }

  // Rate of connection from axons of A to targets in B, and to other targets at the same distances of the same axons.
  between(inA, inB) {
    const axons = [], levels = this.levels(this.models[0]);
    let unplaced = 0;
    for (let a = 0; a < this.pre.length; a++) {
      if (this.pre[a] < 0 || !inA[this.pre[a]]) continue;
      const one = { n: new Float64Array(BINS), c: new Float64Array(BINS), otherN: new Float64Array(BINS), otherC: new Float64Array(BINS) };
      for (let t = 0; t < this.nPost; t++) {
        const at = a * this.nPost + t;
        if (levels[at] === 255 || this.post[t] < 0) continue;
        const bin = this.bin(this.pre[a], this.post[t]);
        if (bin < 0) { unplaced++; continue; }
        if (inB[this.post[t]]) { one.n[bin]++; one.c[bin] += this.isConnected[at]; } else { one.otherN[bin]++; one.otherC[bin] += this.isConnected[at]; }
      }
      axons.push(one);
    }
    const measured = (weight) => {
      const sum = { n: new Float64Array(BINS), c: 0, otherN: new Float64Array(BINS), otherC: new Float64Array(BINS) };
      axons.forEach((one, k) => { if (weight[k]) for (let b = 0; b < BINS; b++) { sum.n[b] += weight[k] * one.n[b]; sum.c += weight[k] * one.c[b]; sum.otherN[b] += weight[k] * one.otherN[b]; sum.otherC[b] += weight[k] * one.otherC[b]; } });
      let [pairs, matched, expected, alone] = [0, 0, 0, 0];
      for (let b = 0; b < BINS; b++) { pairs += sum.n[b]; if (sum.otherN[b] > 0) { matched += sum.n[b]; expected += (sum.n[b] * sum.otherC[b]) / sum.otherN[b]; } else alone += sum.n[b]; }
      return { pairs, connected: sum.c, rate: sum.c / pairs, expected: expected / matched, ratio: sum.c / pairs / (expected / matched), alone };
    };
    const found = measured(axons.map(() => 1));
    const [low, high] = resampled(axons.length, (weight) => measured(weight).ratio);
    return { ...found, axons: axons.length, low, high, unplaced };
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
      const [like, bin] = [this.similarity(i, this.post[t]), this.bin(i, this.post[t])];
      if (!Number.isFinite(like) || bin < 0) continue;
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
      p: (1 + Math.min(REPLICATES, 2 * Math.min(drawn.filter((one) => one >= found).length, drawn.filter((one) => one <= found).length))) / (1 + REPLICATES) };
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
