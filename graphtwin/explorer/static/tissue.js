// Somata in three dimensions, drawn point by point into an image with a depth for every pixel: no graphics card is needed.
// On two cores without one, 75,000 points turn at 51 frames a second, 14 as bare WebGL points, 13 in three.js, 1.4 in deck.gl (benchmarks/points).
const ARBORS = { axon: "#D55E00", dendrite: "#0072B2" };

// Layers with the depths between which 95 % of their neurons lie, from the pia down; none where positions are along other axes.
function layersOf({ words, arrays, n }) {
  const column = words.columns.find((one) => one.name === "layer"), codes = arrays["column layer"], depths = arrays["column depth_um"];
  if (!column || !depths || words.axes[1] !== "depth") return [];
  const found = column.categories.map((label, code) => {
    const [top, bottom] = quantiles(depths.filter((_, i) => codes[i] === code), [0.025, 0.975]);
    return { label, top, bottom };
  });
  return found.filter(({ top }) => Number.isFinite(top)).sort((a, b) => a.top - b.top);
}

class Tissue {
  constructor(canvas, contents, chosen) {
    Object.assign(this, { canvas, contents, chosen, turn: [0.5, 0.25], zoom: 1, shift: [0, 0], lines: [], marked: null });
    const places = contents.arrays.places;
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    this.rows = [];
    for (let i = 0; i < contents.n; i++) {
      if (!Number.isFinite(places[3 * i] + places[3 * i + 1] + places[3 * i + 2])) continue;
      this.rows.push(i);
      for (let k = 0; k < 3; k++) { low[k] = Math.min(low[k], places[3 * i + k]); high[k] = Math.max(high[k], places[3 * i + k]); }
    }
    this.rows = Int32Array.from(this.rows);
    this.size = this.rows.length < 5000 ? 4 : 1;
    this.centre = low.map((one, k) => (one + high[k]) / 2);
    this.extent = Math.hypot(...low.map((one, k) => high[k] - one)) || 1;
    this.span = high.map((one, k) => one - low[k]);
    this.layers = layersOf(contents);
    this.arbors = () => false;
    this._listen();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect(), scale = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [Math.max(2, Math.round(box.width * scale)), Math.max(2, Math.round(box.height * scale))];
    if (this.width === width && this.height === height) return;
    Object.assign(this, { width, height, scale });
    this.canvas.width = width; this.canvas.height = height;
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.depth = new Float32Array(width * height);
    this.owner = new Int32Array(width * height);
  }

  // Pixel and distance of a place in the tissue.
  project(x, y, z) {
    const [a, b] = this.turn, [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
    const X = x - this.centre[0], Y = y - this.centre[1], Z = z - this.centre[2];
    const u = ca * X + sa * Z, w = -sa * X + ca * Z;
    const v = cb * Y - sb * w, d = sb * Y + cb * w + 1.6 * this.extent;
    const f = (2.1 * Math.min(this.width, this.height) * this.zoom) / d;
    return [this.width / 2 + f * u + this.shift[0], this.height / 2 + f * v + this.shift[1], d];
  }

  draw() {
    this.resize();
    const { width, height, pixels, depth, owner, rows } = this, places = this.contents.arrays.places;
    const [a, b] = this.turn, ca = Math.cos(a), sa = Math.sin(a), cb = Math.cos(b), sb = Math.sin(b);
    const [cx, cy, cz] = this.centre, far = 1.6 * this.extent, scale = 2.1 * Math.min(width, height) * this.zoom;
    const mx = width / 2 + this.shift[0], my = height / 2 + this.shift[1];
    pixels.fill(dark() ? pixel(20, 23, 27) : pixel(255, 255, 255));
    depth.fill(Infinity); owner.fill(-1);
    const { colour, known } = this.colours, marked = this.marked, grey = pixel(...greyOf());
    const side = Math.max(1, Math.round(this.scale * (this.size + Math.min(3, this.zoom / 2))));
    for (let k = 0; k < rows.length; k++) {
      const i = rows[k], X = places[3 * i] - cx, Y = places[3 * i + 1] - cy, Z = places[3 * i + 2] - cz;
      const w = -sa * X + ca * Z, d = sb * Y + cb * w + far;
      if (d < 1) continue;
      const f = scale / d, x = (mx + f * (ca * X + sa * Z)) | 0, y = (my + f * (cb * Y - sb * w)) | 0;
      const own = marked ? marked[i] : known[i];
      const reach = own ? side : Math.max(1, side - 1);
      if (x < 0 || y < 0 || x + reach > width || y + reach > height) continue;
      const shade = marked && !marked[i] ? grey : colour[i];
      const near = own ? d : d + this.extent;  // what is not asked about never hides what is
      for (let dy = 0; dy < reach; dy++) {
        let at = (y + dy) * width + x;
        for (let dx = 0; dx < reach; dx++, at++) if (near < depth[at]) { depth[at] = near; pixels[at] = shade; owner[at] = i; }
      }
    }
    this.context.putImageData(this.image, 0, 0);
    this._overlay();
  }

  _overlay() {
    const c = this.context, places = this.contents.arrays.places, at = (i) => this.project(places[3 * i], places[3 * i + 1], places[3 * i + 2]);
    c.lineWidth = this.scale;
    for (const { from, to, css } of this.lines) {
      const p = at(from), q = at(to);
      if (!Number.isFinite(p[0] + q[0])) continue;
      c.strokeStyle = css; c.globalAlpha = 0.7;
      c.beginPath(); c.moveTo(p[0], p[1]); c.lineTo(q[0], q[1]); c.stroke();
    }
    c.globalAlpha = 1;
    this._layers(c);
    this._skeletons(c);
    if (this.neuron >= 0) {
      const p = at(this.neuron);
      c.strokeStyle = dark() ? "#fff" : "#000"; c.lineWidth = 2 * this.scale;
      c.beginPath(); c.arc(p[0], p[1], 7 * this.scale, 0, 7); c.stroke();
    }
    // A bar of length, and which way is down to the white matter.
    const f = (2.1 * Math.min(this.width, this.height) * this.zoom) / (1.6 * this.extent), um = 10 ** Math.floor(Math.log10(this.width / 3 / f));
    c.fillStyle = c.strokeStyle = dark() ? "#cfd4da" : "#5b6470"; c.lineWidth = 2 * this.scale; c.font = `${12 * this.scale}px system-ui, sans-serif`;
    const y = this.height - 14 * this.scale;
    c.beginPath(); c.moveTo(12 * this.scale, y); c.lineTo(12 * this.scale + um * f, y); c.stroke();
    c.fillText(`${um} ${um === 1 ? this.contents.words.length.replace(/s$/, "") : this.contents.words.length}`, 12 * this.scale, y - 6 * this.scale);
  }

  // Axons and dendrites of the neurons whose skeletons are asked for; of the chosen one they are thick.
  _skeletons(c) {
    const { skeletons: parts, "skeleton edges": edges, "skeleton points": points } = this.contents.arrays;
    if (!parts) return;
    for (let k = 0; k < parts.length; k += 4) {
      if (!this.arbors(parts[k])) continue;
      c.strokeStyle = parts[k + 1] ? ARBORS.dendrite : ARBORS.axon;
      c.lineWidth = this.scale * (parts[k] === this.neuron ? 1.8 : 0.9);
      c.beginPath();
      for (let e = parts[k + 2]; e < parts[k + 2] + parts[k + 3]; e++) for (const end of [0, 1]) {
        const at = 3 * edges[2 * e + end], [x, y, d] = this.project(points[at], points[at + 1], points[at + 2]);
        if (d < 1) break;
        end ? c.lineTo(x, y) : c.moveTo(x, y);
      }
      c.stroke();
    }
  }

  // Where layers begin and end, as planes at the depths between which 95 % of their neurons lie, with their names.
  _layers(c) {
    const [low, high] = [0, 1].map((side) => this.centre.map((one, k) => one + (side - 0.5) * this.span[k]));
    c.strokeStyle = c.fillStyle = dark() ? "#a8b0ba" : "#5b6470"; c.lineWidth = this.scale; c.font = `${12 * this.scale}px system-ui, sans-serif`;
    for (const { label, top, bottom } of this.layers) {
      c.globalAlpha = 0.6;
      for (const y of [top, bottom]) {
        const corners = [[low[0], y, low[2]], [high[0], y, low[2]], [high[0], y, high[2]], [low[0], y, high[2]]].map((one) => this.project(...one));
        if (corners.some(([, , d]) => d < 1)) continue;
        c.beginPath();
        corners.forEach(([x, v], k) => (k ? c.lineTo(x, v) : c.moveTo(x, v)));
        c.closePath(); c.stroke();
      }
      c.globalAlpha = 1;
      const ends = [low[0], high[0]].flatMap((x) => [low[2], high[2]].map((z) => this.project(x, (top + bottom) / 2, z))), left = ends.reduce((a, b) => (b[0] < a[0] ? b : a));
      c.textAlign = "right"; c.fillText(label, Math.max(left[0] - 6 * this.scale, c.measureText(label).width + 2 * this.scale), left[1] + 4 * this.scale); c.textAlign = "left";
    }
  }

  // Nearer or farther, about a place of the canvas that stays where it is; about its middle where none is given.
  zoomed(by, x = this.width / 2 / this.scale, y = this.height / 2 / this.scale) {
    const before = this.zoom;
    this.zoom = Math.max(0.1, Math.min(200, before * by));
    const [u, v] = [x * this.scale - this.width / 2, y * this.scale - this.height / 2], ratio = this.zoom / before;
    this.shift = [u - (u - this.shift[0]) * ratio, v - (v - this.shift[1]) * ratio];
  }

  later() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => { this.asked = 0; this.draw(); });
  }

  neuronAt(x, y) {
    for (let r = 0; r < 7; r++) for (let dy = -r; dy <= r; dy++) for (let dx = -r; dx <= r; dx++) {
      if (Math.max(Math.abs(dx), Math.abs(dy)) !== r) continue;
      const [px, py] = [Math.round(x * this.scale) + dx, Math.round(y * this.scale) + dy];
      if (px >= 0 && py >= 0 && px < this.width && py < this.height && this.owner[py * this.width + px] >= 0) return this.owner[py * this.width + px];
    }
    return -1;
  }

  // Neurons whose points lie inside a rectangle of the canvas.
  inside(x0, y0, x1, y1) {
    const found = new Uint8Array(this.contents.n), places = this.contents.arrays.places;
    for (const i of this.rows) {
      const [x, y] = this.project(places[3 * i], places[3 * i + 1], places[3 * i + 2]);
      found[i] = x >= x0 * this.scale && x <= x1 * this.scale && y >= y0 * this.scale && y <= y1 * this.scale;
    }
    return found;
  }

  _listen() {
    const touches = new Map();
    let apart = 0;
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      touches.set(event.pointerId, [event.offsetX, event.offsetY]);
      this.moved = 0;
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const before = touches.get(event.pointerId);
      if (!before || this.brushing) return;
      const [dx, dy] = [event.offsetX - before[0], event.offsetY - before[1]];
      touches.set(event.pointerId, [event.offsetX, event.offsetY]);
      this.moved += Math.abs(dx) + Math.abs(dy);
      if (touches.size === 2) {
        const [p, q] = [...touches.values()], now = Math.hypot(p[0] - q[0], p[1] - q[1]);
        if (apart) this.zoomed(now / apart);
        apart = now;
      } else if (event.shiftKey) this.shift = [this.shift[0] + dx * this.scale, this.shift[1] + dy * this.scale];
      else this.turn = [this.turn[0] + dx / 150, Math.max(-1.57, Math.min(1.57, this.turn[1] + dy / 150))];
      this.later();
    });
    const end = (event) => {
      touches.delete(event.pointerId); apart = 0;
      if (event.type === "pointerup" && this.moved < 4 && !this.brushing) this.chosen(this.neuronAt(event.offsetX, event.offsetY));
    };
    this.canvas.addEventListener("pointerup", end);
    this.canvas.addEventListener("pointercancel", end);
    this.canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.zoomed(Math.exp(-event.deltaY / 500), event.offsetX, event.offsetY); this.later(); this.canvas.dispatchEvent(new Event("looked")); }, { passive: false });
    this.canvas.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (turns) this.turn = [this.turn[0] + turns[0], Math.max(-1.57, Math.min(1.57, this.turn[1] + turns[1]))];
      else if (event.key === "+" || event.key === "=") this.zoomed(1.15);
      else if (event.key === "-") this.zoomed(1 / 1.15);
      else if (event.key === "0") Object.assign(this, { turn: [0.5, 0.25], zoom: 1, shift: [0, 0] });
      else return;
      event.preventDefault(); this.later();
    });
  }
}
