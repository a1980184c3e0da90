// What is known and was predicted of one neuron. All words go in as text, never as markup.
function make(tag, attributes = {}, ...inside) {
  const svg = ["svg", "path", "circle", "line", "text", "rect", "title", "g"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) name.startsWith("on") ? made.addEventListener(name.slice(2), value) : made.setAttribute(name, value);
  made.append(...inside.filter((one) => one !== null && one !== undefined));
  return made;
}

const MOST_ROWS = 300; // rows of a table that are drawn

// A table with a caption that is sorted by a click on a heading; cells are text, numbers or elements.
function sortable(caption, headings, rows, file) {
  const body = make("tbody");
  const text = (cell) => (cell instanceof Node ? cell.textContent : typeof cell === "number" ? number(cell) : cell ?? "");
  const fill = () => body.replaceChildren(...rows.slice(0, MOST_ROWS).map((row) => make("tr", {}, ...row.map((cell) => make("td", typeof cell === "number" ? { class: "num" } : {}, cell instanceof Node ? cell : text(cell))))));
  const head = headings.map((heading, at) => make("th", { scope: "col", "aria-sort": "none" }, make("button", { type: "button", onclick: () => {
    const up = head[at].getAttribute("aria-sort") === "descending";
    head.forEach((one) => one.setAttribute("aria-sort", "none"));
    head[at].setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => (row[at] instanceof Node ? Number(row[at].dataset?.key ?? NaN) || row[at].textContent : row[at]);
    rows.sort((p, q) => { const [a, b] = [key(p), key(q)]; const order = a > b || (Number.isNaN(b) && !Number.isNaN(a)) ? 1 : a < b ? -1 : 0; return up ? order : -order; });
    fill();
  } }, heading)));
  fill();
  const save = make("button", { type: "button", class: "save", onclick: () => {
    const quoted = (one) => (/[",\n]/.test(one) ? `"${one.replaceAll('"', '""')}"` : one);
    saveAs(file + ".csv", new Blob([[headings, ...rows].map((row) => row.map((cell) => quoted(String(typeof cell === "number" ? cell : text(cell)))).join(",")).join("\n") + "\n"], { type: "text/csv" }));
  } }, "save as CSV");
  return make("div", { class: "scroll" }, make("table", {}, make("caption", {}, caption, rows.length > MOST_ROWS ? ` (${MOST_ROWS} of ${rows.length.toLocaleString("en")} rows; saved are all) ` : " ", save), make("thead", {}, make("tr", {}, ...head)), body));
}

function saveAs(name, blob) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A drawing with the colours and the type that it has on the page, as a file of its own.
function saveSvg(drawing, name) {
  const copy = drawing.cloneNode(true), [from, to] = [drawing, copy].map((one) => [one, ...one.querySelectorAll("*")]);
  from.forEach((one, at) => { const style = getComputedStyle(one); for (const part of ["fill", "stroke", "stroke-width", "font-size", "font-family"]) to[at].style.setProperty(part, style.getPropertyValue(part)); });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  saveAs(name + ".svg", new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
}

const MOST_CHANCES = 5;

// Bars of the largest chances and of the true class, which is marked.
function chances(title, classes, values, truth) {
  const order = classes.map((_, at) => at).sort((a, b) => values[b] - values[a]), shown = order.filter((at, place) => place < MOST_CHANCES || classes[at] === truth);
  const rows = shown.map((at) => [classes[at], at]).map(([label, at]) => make("li", label === truth ? { class: "true" } : {}, make("span", { class: "what" }, label + (label === truth ? " (true)" : "")),
    make("span", { class: "bar" }, make("span", { style: `width:${(100 * values[at]).toFixed(1)}%` })), make("span", { class: "num" }, values[at].toFixed(2))));
  return make("section", {}, make("h3", {}, title), make("ul", { class: "chances" }, ...rows));
}

// A position as predicted with its SD beside what is true.
function positions(title, targets, told, unit) {
  const spans = targets.map((target, at) => {
    const [truth, mean, sd] = [told[3 * at], told[3 * at + 1], told[3 * at + 2]];
    if (!Number.isFinite(mean)) return null;
    const off = (mean - truth) / sd;
    return make("li", {}, make("span", { class: "what" }, target), make("span", {}, `${number(truth)} ${unit}; predicted ${number(mean)}${sd > 0 ? ` ± ${number(sd)} ${unit}, ${Math.abs(off).toFixed(1)} SD ${off > 0 ? "too large" : "too small"}` : ` ${unit}`}`));
  });
  return spans.some(Boolean) ? make("section", {}, make("h3", {}, title), make("ul", { class: "facts" }, ...spans)) : null;
}

function curve(degrees, values, label) {
  const [w, h, left, bottom] = [280, 110, 34, 20], most = Math.max(...values, 1e-9);
  const x = (at) => left + ((w - left - 6) * at) / (values.length - 1), y = (value) => h - bottom - ((h - bottom - 8) * value) / most;
  const path = [...values].map((value, at) => `${at ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const peak = [...values].indexOf(Math.max(...values));
  return make("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": `${label}: largest, ${number(most)}, at ${number(degrees[peak])} degrees` },
    make("line", { x1: left, x2: w - 6, y1: h - bottom, y2: h - bottom, class: "axis" }),
    make("text", { x: left, y: h - 5 }, `${number(degrees[0])}`), make("text", { x: w - 6, y: h - 5, "text-anchor": "end" }, `${number(degrees.at(-1))} degrees`),
    make("text", { x: left - 4, y: y(most) + 8, "text-anchor": "end" }, number(most, 2)), make("text", { x: left - 4, y: h - bottom, "text-anchor": "end" }, "0"),
    make("path", { d: path, class: "curve" }), ...[...values].map((value, at) => make("circle", { cx: x(at), cy: y(value), r: 2.5 }, make("title", {}, `${number(degrees[at])} degrees: ${number(value)}`))));
}

// Rows of each neuron in a table of units or roots.
function rowsOf(neurons) {
  const found = new Map();
  neurons.forEach((neuron, row) => (found.has(neuron) ? found.get(neuron).push(row) : found.set(neuron, [row])));
  return found;
}

class Card {
  constructor(frame, contents, pairs, choose) {
    Object.assign(this, { frame, contents, pairs, choose });
    [this.unitsOf, this.rootsOf] = ["unit neuron", "root neuron"].map((name) => rowsOf(contents.arrays[name] || []));
  }

  // How a neuron is called: its name where it has one, else its nucleus.
  called(i) {
    const name = this.contents.words.names?.[i];
    return name || String(this.contents.arrays.nucleus_id[i]);
  }

  link(i) { return make("button", { type: "button", class: "neuron", onclick: () => this.choose(i) }, this.called(i)); }

  unmeasured(i) {
    const column = this.contents.words.columns.find((one) => one.name === "reliability");
    return column && this.unitsOf.has(i) && this.value("reliability", i) === null ? make("li", {}, make("span", { class: "what" }, column.label), make("span", {}, "not measured")) : "";
  }

  value(name, i) {
    const column = this.contents.words.columns.find((one) => one.name === name), values = this.contents.arrays["column " + name];
    if (!column) return null;
    if (column.categories) return values[i] === 255 ? null : column.categories[values[i]];
    return Number.isFinite(values[i]) ? values[i] : null;
  }

  show(i, model) {
    if (i < 0) { this.frame.replaceChildren(make("p", {}, "Choose a neuron: click a point, or give an id above.")); return; }
    const { words, arrays } = this.contents;
    const facts = words.columns.filter((one) => !one.of && !/^embedding_|_error$|_probability$/.test(one.name)).map((one) => [one, this.value(one.name, i)]).filter(([, value]) => value !== null);
    const parts = [make("h2", { tabindex: "-1" }, `Neuron ${this.called(i)}`),
      make("ul", { class: "facts" }, make("li", {}, make("span", { class: "what" }, "nucleus"), make("span", {}, String(arrays.nucleus_id[i]))),
        ...facts.map(([one, value]) => make("li", {}, make("span", { class: "what" }, one.label), make("span", {}, typeof value === "number" ? `${number(value)} ${one.unit || ""}` + (one.name === "reliability" && value === 0 ? "(measured: its embedding says nothing of held-out responses)" : "") : value))), this.unmeasured(i), ...this.roots(i))];
    for (const task of ["cell_type", "layer"]) {
      const told = words["predicted " + task], values = arrays["predicted " + task];
      if (!told || !Number.isFinite(values[i * told.classes.length])) continue;
      const n = told.classes.length;
      parts.push(chances(`${task.replace("_", " ")}, predicted while held out (${told.model})`, told.classes, values.subarray(i * n, (i + 1) * n), this.value(task, i)));
    }
    const places = words["predicted position"];
    if (places) { const n = 3 * places.targets.length; parts.push(positions(`position, predicted while held out (${places.model})`, places.targets, arrays["predicted position"].subarray(i * n, (i + 1) * n), words.length)); }
    parts.push(this.models(i), ...this.told([arrays.nucleus_id[i]]), ...this.units(i), ...this.partners(i, model));
    this.frame.replaceChildren(...parts.filter(Boolean));
  }

  // What every model said of the neuron while it was held out, baselines among them.
  models(i) {
    const { words, arrays } = this.contents;
    const tables = ["cell_type", "layer", "position"].map((task) => {
      const told = words["said " + task], row = told ? arrays[`said ${task} neuron`].indexOf(i) : -1;
      if (row < 0) return null;
      const n = told.columns.length, values = arrays["said " + task].subarray(row * n * told.models.length, (row + 1) * n * told.models.length);
      const what = task.replace("_", " "), unit = task === "position" ? `, ${words.length}` : "";
      return sortable(`${what} as each model said it`, ["model", ...told.columns.map((one) => one + unit)], told.models.map((model, k) => [model, ...values.subarray(k * n, (k + 1) * n)]), `${this.called(i)}_${task}_models`);
    }).filter(Boolean);
    return tables.length ? make("details", {}, make("summary", {}, "What each model said while this neuron was held out"), ...tables) : null;
  }

  roots(i) {
    const { words, arrays } = this.contents, found = [];
    if (!words.versions) return found;
    for (const k of this.rootsOf.get(i) || []) {
      const root = String(arrays["root id"][k]), version = words.versions[arrays["root version"][k]];
      found.push(make("li", {}, make("span", { class: "what" }, `root id, version ${version}`), make("span", {}, root, " ", neuroglancer(words.source, version, [root]))));
    }
    return found;
  }

  units(i) {
    const { words, arrays } = this.contents, found = [];
    if (!words.units) return found;
    for (const k of this.unitsOf.get(i) || []) {
      const name = `unit ${words.units[k].join("/")} (session, scan, unit)`;
      const n = words.tuning?.columns.length, values = n ? arrays["unit tuning"].subarray(k * n, (k + 1) * n) : null;
      const drawn = words.tuning?.degrees && values.every(Number.isFinite) ? curve(words.tuning.degrees, values, `Responses of ${name}`) : null;
      const save = drawn && make("button", { type: "button", class: "save", onclick: () => saveSvg(drawn, `unit_${words.units[k].join("_")}`) }, "save as SVG");
      found.push(make("section", {}, make("h3", {}, name, " ", save), drawn), ...this.told(words.units[k]));
    }
    return found;
  }

  // What the tables beside the run say of a unit, or of the nucleus.
  told(ids) {
    return this.beside.of(ids).map(({ title, facts }) => make("section", {}, make("h3", {}, title), make("ul", { class: "facts" },
      ...facts.map(([label, value, low, high]) => make("li", {}, make("span", { class: "what" }, label), make("span", {}, number(value) + (Number.isFinite(low + high) ? ` (${number(low)} to ${number(high)})` : "")))))));
  }

  partners(i, model) {
    const { pairs } = this;
    if (!pairs) return [];
    const found = [], { exposure } = pairs, { places } = this.contents.arrays;
    const table = (list, other, caption, file) => list.length ? sortable(caption, ["neuron", "type", ...(places ? [`distance, ${this.contents.words.length}`] : []), ...(exposure ? [`${exposure.measure}, ${exposure.unit}`] : []), "similarity", "probability", "size of synapses"],
      list.map((one) => { const link = this.link(one.neuron); link.dataset.key = one.neuron; return [link, this.value("cell_type", one.neuron) ?? "", ...(places ? [one.distance] : []), ...(exposure ? [one.exposure] : []), one.similarity, one.probability, one.size]; }), file) : null;
    const id = this.called(i);
    for (const [side, connected, predicted] of [["out", "Targets", "Most probable targets that are not connected"], ["in", "Inputs", "Most probable inputs that are not connected"]]) {
      const of = pairs.of(i, side, model);
      if (!of) continue;
      found.push(make("section", {}, make("h3", {}, `${connected}: ${of.connected.length} connected of ${of.candidates} candidates`),
        table(of.connected, side, `${connected} of ${id}; probabilities (to 3 %) are those of ${model}, given while the axon was held out`, `${id}_${side}_connected`),
        table(of.probable, side, predicted, `${id}_${side}_predicted`)));
    }
    if (!found.length) found.push(make("p", {}, "Nobody looked at this neuron's axon or inputs: it is in no candidate pair."));
    return found;
  }
}

// A link to the public segmentation that a root id belongs to; null where we know of none. It is followed only when it is asked for.
function neuroglancer(source, version, roots) {
  const layers = { minnie65: `precomputed://gs://iarpa_microns/minnie/minnie65/seg_m${version}` };
  if (!layers[source]) return null;
  const state = { layers: [{ type: "segmentation", source: layers[source], segments: roots, name: `m${version}` }], layout: "3d" };
  return make("a", { href: "https://neuroglancer-demo.appspot.com/#!" + encodeURIComponent(JSON.stringify(state)), target: "_blank", rel: "noopener noreferrer" }, "Neuroglancer");
}
