// The map of embeddings, and a rectangle that is drawn over it or over the tissue.
class EmbeddingMap {
  constructor(canvas, contents, chosen) {
    Object.assign(this, { canvas, contents, marked: null, neuron: -1, zoom: 1, shift: [0, 0], moved: 0 });
    const spread = contents.arrays.map;
    this.rows = Int32Array.from([...Array(contents.n).keys()].filter((i) => Number.isFinite(spread[2 * i] + spread[2 * i + 1])));
    const of = (k) => quantiles(Float32Array.from(this.rows, (i) => spread[2 * i + k]), [0, 1]);
    this.range = [of(0), of(1)].map(([low, high]) => { const room = 0.04 * (high - low || 1); return [low - room, high + room]; });
    canvas.addEventListener("click", (event) => { if (!this.brushing && this.moved < 4) chosen(this.neuronAt(event.offsetX, event.offsetY)); });
    this._listen();
  }

  // Nearer or farther, about a place of the canvas that stays where it is; about its middle where none is given.
  zoomed(by, x = this.width / 2 / this.scale, y = this.height / 2 / this.scale) {
    const before = this.zoom;
    this.zoom = Math.max(1, Math.min(100, before * by));
    const [u, v] = [x * this.scale - this.width / 2, y * this.scale - this.height / 2], ratio = this.zoom / before;
    this.shift = this.zoom === 1 ? [0, 0] : [u - (u - this.shift[0]) * ratio, v - (v - this.shift[1]) * ratio];
  }

  _listen() {
    let from = null;
    this.canvas.addEventListener("pointerdown", (event) => { from = [event.offsetX, event.offsetY]; this.moved = 0; });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!from || this.brushing || !event.buttons) return;
      const [dx, dy] = [event.offsetX - from[0], event.offsetY - from[1]];
      from = [event.offsetX, event.offsetY];
      this.moved += Math.abs(dx) + Math.abs(dy);
      if (this.zoom === 1) return;
      this.shift = [this.shift[0] + dx * this.scale, this.shift[1] + dy * this.scale];
      this.draw();
    });
    this.canvas.addEventListener("pointerup", () => { from = null; });
    this.canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.zoomed(Math.exp(-event.deltaY / 500), event.offsetX, event.offsetY); this.draw(); }, { passive: false });
    this.canvas.addEventListener("keydown", (event) => {
      const step = 0.1 * Math.min(this.width, this.height), moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
      if (moves) this.shift = this.shift.map((one, k) => one + moves[k]);
      else if (event.key === "+" || event.key === "=") this.zoomed(1.3);
      else if (event.key === "-") this.zoomed(1 / 1.3);
      else if (event.key === "0") Object.assign(this, { zoom: 1, shift: [0, 0] });
      else return;
      event.preventDefault(); this.draw();
    });
  }

  place(i) {
    const spread = this.contents.arrays.map, [[x0, x1], [y0, y1]] = this.range;
    return [((spread[2 * i] - x0) / (x1 - x0) - 0.5) * this.zoom * this.width + this.width / 2 + this.shift[0], (0.5 - (spread[2 * i + 1] - y0) / (y1 - y0)) * this.zoom * this.height + this.height / 2 + this.shift[1]];
  }

  draw() {
    const box = this.canvas.getBoundingClientRect();
    this.scale = Math.min(window.devicePixelRatio || 1, 2);
    [this.width, this.height] = [Math.max(2, Math.round(box.width * this.scale)), Math.max(2, Math.round(box.height * this.scale))];
    this.canvas.width = this.width; this.canvas.height = this.height;
    const c = this.canvas.getContext("2d"), image = c.createImageData(this.width, this.height), pixels = new Uint32Array(image.data.buffer);
    pixels.fill(dark() ? pixel(20, 23, 27) : pixel(255, 255, 255));
    const side = Math.max(2, Math.round(this.scale * (this.rows.length > 3000 ? 2 : 4))), grey = pixel(...greyOf());
    for (const wanted of [false, true]) for (const i of this.rows) {
      const own = this.marked ? this.marked[i] === 1 : this.colours.known[i] === 1;
      if (own !== wanted) continue;
      const [x, y] = this.place(i).map((one) => one | 0);
      if (x < 0 || y < 0 || x + side > this.width || y + side > this.height) continue;
      for (let dy = 0; dy < side; dy++) for (let dx = 0; dx < side; dx++) pixels[(y + dy) * this.width + x + dx] = own ? this.colours.colour[i] : grey;
    }
    c.putImageData(image, 0, 0);
    if (this.neuron >= 0 && Number.isFinite(this.contents.arrays.map[2 * this.neuron])) {
      const [x, y] = this.place(this.neuron);
      c.strokeStyle = dark() ? "#fff" : "#000"; c.lineWidth = 2 * this.scale;
      c.beginPath(); c.arc(x, y, 7 * this.scale, 0, 7); c.stroke();
    }
  }

  neuronAt(x, y) {
    let best = -1, least = (12 * this.scale) ** 2;
    for (const i of this.rows) {
      const [u, v] = this.place(i), away = (u - x * this.scale) ** 2 + (v - y * this.scale) ** 2;
      if (away < least) [best, least] = [i, away];
    }
    return best;
  }

  inside(x0, y0, x1, y1) {
    const found = new Uint8Array(this.contents.n);
    for (const i of this.rows) {
      const [x, y] = this.place(i).map((one) => one / this.scale);
      found[i] = x >= x0 && x <= x1 && y >= y0 && y <= y1;
    }
    return found;
  }
}

// A rectangle drawn over a view while `view.brushing` is on; `done` is given the neurons inside.
function brush(view, frame, done) {
  const box = frame.querySelector(".brush");
  let from = null;
  const corners = (event) => {
    const area = view.canvas.getBoundingClientRect(), x = event.clientX - area.left, y = event.clientY - area.top;
    return [Math.min(x, from[0]), Math.min(y, from[1]), Math.max(x, from[0]), Math.max(y, from[1])];
  };
  view.canvas.addEventListener("pointerdown", (event) => {
    if (!view.brushing) return;
    const area = view.canvas.getBoundingClientRect();
    from = [event.clientX - area.left, event.clientY - area.top];
    view.canvas.setPointerCapture(event.pointerId);
  });
  view.canvas.addEventListener("pointercancel", () => { from = null; box.style.display = "none"; });
  view.canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x0, y0, x1, y1] = corners(event);
    Object.assign(box.style, { display: "block", left: `${x0}px`, top: `${y0}px`, width: `${x1 - x0}px`, height: `${y1 - y0}px` });
  });
  view.canvas.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [x0, y0, x1, y1] = corners(event);
    from = null; box.style.display = "none";
    if (x1 - x0 > 3 && y1 - y0 > 3) done(view.inside(x0, y0, x1, y1));
  });
}
