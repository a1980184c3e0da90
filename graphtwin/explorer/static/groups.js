// Candidate pairs, and what is asked of groups of them. Intervals resample axons.
const BINS = 60, OCTAVES = 2, REPLICATES = 1000, FEWEST_AXONS = 5, FEWEST_CONTROLS = 10;

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
    this.exposure = words.pairs.exposure || null;
    this.histograms = new Map();
  }

  // What control pairs have in common with the pairs beside which they stand; nothing where neither exposure nor positions are known.
  get matched() { return this.exposure ? `of the same ${this.exposure.measure}` : this.contents.arrays.places ? "at the same distances between somata" : ""; }

  // How much a pair could connect at all, to a few percent; NaN where it is not known.
  exposed(place) {
    const level = this.exposure ? this.contents.arrays.exposure[place] : 255;
    return level === 255 ? NaN : level ? Math.exp(this.exposure.lowest + this.exposure.step * (level - 0.5)) : 0;
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
      probability: this.probability(level + 0.5), exposure: this.exposed(place), size: this.size.has(place) ? this.size.get(place) : "" }));
    return { candidates, connected: told(connected), probable: told(rest.sort((a, b) => b[0] - a[0]).slice(0, most)) };
  }

  // Stratum of every pair: half an octave of its exposure, else a bin of distance; 255 where it is not known; one for all where neither is.
  bins() {
    if (this.binOf) return this.binOf;
    const p = this.contents.arrays.places, bins = (this.binOf = new Uint8Array(this.pre.length * this.nPost)), width = this.contents.words.bin;
    if (this.exposure) {
      const levels = this.contents.arrays.exposure, of = Uint8Array.from({ length: 256 }, (_, level) => (level === 255 ? 255 : level ? Math.min(BINS - 1, 1 + Math.floor((level - 1) * this.exposure.step * (OCTAVES / Math.LN2))) : 0));
      for (let at = 0; at < bins.length; at++) bins[at] = of[levels[at]];
      return bins;
    }
    if (!p) return bins;
    const ends = Float32Array.from({ length: 3 * this.nPost }, (_, k) => p[3 * this.post[Math.floor(k / 3)] + (k % 3)]);
    for (let a = 0, at = 0; a < this.pre.length; a++) {
      const i = 3 * this.pre[a], x = p[i], y = p[i + 1], z = p[i + 2];
      for (let t = 0; t < ends.length; t += 3, at++) {
        const dx = x - ends[t], dy = y - ends[t + 1], dz = z - ends[t + 2], away = Math.sqrt(dx * dx + dy * dy + dz * dz);
        bins[at] = away >= 0 && away < Infinity ? Math.min(BINS - 1, away / width) : 255;
      }
    }
    return bins;
  }

  // How often axons of A connect to B, over how often they connect to other targets: the rate ratio of Mantel and Haenszel 1959, whose
  // strata are an axon and a bin of exposure or distance each. It rests on strata that hold pairs of both kinds.
  between(inA, inB) {
    const levels = this.levels(this.models[0]), bins = this.bins(), top = [], below = [], n = new Int32Array(BINS), c = new Int32Array(BINS), otherN = new Int32Array(BINS), otherC = new Int32Array(BINS);
    const found = { axons: 0, pairs: 0, connected: 0, unplaced: 0, compared: 0, controls: 0, controlConnected: 0, expected: 0, rows: [], targets: 0 };
    const { isConnected, nPost } = this, ofB = Uint8Array.from(this.post, (neuron) => inB[neuron]);
    for (const own of ofB) found.targets += own;
    for (let a = 0; a < this.pre.length; a++) {
      if (!inA[this.pre[a]]) continue;
      for (const counts of [n, c, otherN, otherC]) counts.fill(0);
      let [pairs, connected, unplaced] = [0, 0, 0];
      for (let t = 0, at = a * nPost; t < nPost; t++, at++) {
        if (levels[at] === 255) continue;
        const own = ofB[t], bin = bins[at];
        if (own) { pairs++; connected += isConnected[at]; if (bin === 255) unplaced++; }
        if (bin === 255) continue;
        if (own) { n[bin]++; c[bin] += isConnected[at]; } else { otherN[bin]++; otherC[bin] += isConnected[at]; }
      }
      found.pairs += pairs; found.connected += connected; found.unplaced += unplaced;
      let [p, q] = [0, 0];
      for (let b = 0; b < BINS; b++) if (n[b] && otherN[b]) {
        p += (c[b] * otherN[b]) / (n[b] + otherN[b]); q += (otherC[b] * n[b]) / (n[b] + otherN[b]);
        found.compared += n[b]; found.controls += otherN[b]; found.controlConnected += otherC[b]; found.expected += (n[b] * otherC[b]) / otherN[b];
      }
      top.push(p); below.push(q); found.axons++; found.rows.push(this.pre[a]);
    }
    const [ratio, low, high] = estimate(top, below);
    return { ...found, rate: found.connected / found.pairs, ratio, low, high };
  }

  // Of every axon, how many of its pairs, and of its connections, have a level or a higher one: 255 numbers each. Counted once a model.
  counted(model) {
    if (this.histograms.has(model)) return this.histograms.get(model);
    const levels = this.levels(model), { isConnected, nPost } = this, taken = new Uint32Array(255 * this.pre.length), hit = new Uint32Array(taken.length);
    for (let a = 0, at = 0; a < this.pre.length; a++) {
      const of = 255 * a;
      for (let t = 0; t < nPost; t++, at++) { const level = levels[at]; if (level === 255) continue; taken[of + level]++; hit[of + level] += isConnected[at]; }
      for (let level = 253; level >= 0; level--) { taken[of + level] += taken[of + level + 1]; hit[of + level] += hit[of + level + 1]; }
    }
    this.histograms.set(model, { taken, hit });
    return this.histograms.get(model);
  }

  // Above a probability: precision, recall, and what proofreading of the axons that nobody proofread is expected to find.
  above(model, level, proofread) {
    const counts = this.counted(model), column = (values, of) => Float64Array.from(this.pre, (_, a) => values[255 * a + of]);
    const taken = column(counts.taken, level), hit = column(counts.hit, level), all = column(counts.hit, 0), sum = (values) => values.reduce((a, b) => a + b, 0);
    const found = { taken: sum(taken), precision: estimate(hit, taken, 200), recall: estimate(hit, all, 200), yield: null };
    if (proofread) {
      const done = [...this.pre.keys()].filter((a) => proofread[this.pre[a]]), rest = [...this.pre.keys()].filter((a) => !proofread[this.pre[a]]);
      const of = (values, rows) => Float64Array.from(rows, (a) => values[a]), [pairs, known] = [sum(of(taken, rest)), sum(of(hit, rest))];
      const [rate, low, high] = estimate(of(hit, done), of(taken, done), 200);
      found.yield = { axons: rest.length, done: done.length, taken: sum(of(taken, done)), pairs, known, rate, expected: [rate, low, high].map((one) => Math.max(0, one * pairs - known)) };
    }
    return found;
  }

  // Similarity of an axon's targets, of all its candidates, and of candidates drawn from the strata of its targets: of a bin of
  // exposure or distance, and of the axon's own scan or not.
  likeToLike(i) {
    const of = this.rowOf.get(i), levels = this.levels(this.models[0]), { scan } = this.contents.arrays;
    if (of === undefined || !this.contents.arrays.embedding) return null;
    const bins = new Map(), targets = [], all = [];
    for (let t = 0; t < this.nPost; t++) {
      const at = of * this.nPost + t;
      if (levels[at] === 255 || this.post[t] < 0) continue;
      const like = this.similarity(i, this.post[t]), stratum = this.bins()[at];
      if (!Number.isFinite(like) || stratum === 255) continue;
      const bin = stratum + (scan && scan[i] >= 0 && scan[i] === scan[this.post[t]] ? 256 : 0);
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

// A ratio of sums over axons with its 95 % percentile interval over axons drawn with replacement; without one of fewer than five.
function estimate(top, below, replicates = REPLICATES) {
  const n = top.length, draw = drawer(0), found = [];
  let [p, q] = [0, 0];
  for (let k = 0; k < n; k++) { p += top[k]; q += below[k]; }
  if (n < FEWEST_AXONS) return [p / q, NaN, NaN];
  const [tops, belows] = [Float64Array.from(top), Float64Array.from(below)];
  for (let k = 0; k < replicates; k++) {
    let [a, b] = [0, 0];
    for (let j = 0; j < n; j++) { const at = Math.floor(draw() * n); a += tops[at]; b += belows[at]; }
    if (Number.isFinite(a / b)) found.push(a / b);
  }
  found.sort((a, b) => a - b);
  return found.length < replicates / 2 ? [p / q, NaN, NaN] : [p / q, found[Math.floor(0.025 * found.length)], found[Math.ceil(0.975 * found.length) - 1]];
}
