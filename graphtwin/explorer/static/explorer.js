// The page: views, card and questions joined by one state, which the address holds.
const GROUPS = ["A", "B"], GROUP_COLOURS = { A: "#0072B2", B: "#D55E00" };
const state = { colour: "", neuron: -1, model: "", groups: { A: null, B: null }, texts: { A: "", B: "" }, named: { A: "", B: "" } };
const $ = (id) => document.getElementById(id);

// A set of neurons as text: lengths of runs that are out and in, in turn, in base 36.
function toRuns(inside) {
  const runs = [];
  let now = 0, length = 0;
  for (const one of inside) { if (one !== now) { runs.push(length.toString(36)); [now, length] = [one, 0]; } length++; }
  return [...runs, length.toString(36)].join(".");
}

function fromRuns(text, n) {
  const inside = new Uint8Array(n);
  let at = 0, now = 0;
  for (const run of text.split(".")) { const length = parseInt(run, 36) || 0; if (now) inside.fill(1, at, at + length); at += length; now = 1 - now; }
  return inside;
}

function start(contents) {
  const { words, arrays } = contents;
  document.title = `${words.name}: explorer`;
  const ids = new Map([...arrays.nucleus_id].map((id, at) => [String(id), at]));
  const names = new Map((words.names || []).map((name, at) => [name.toLowerCase(), at]));
  const pairs = words.pairs ? new Pairs(contents) : null;
  const column = () => words.columns.find((one) => one.name === state.colour) || words.columns[0];
  const tissue = arrays.places ? new Tissue($("tissue"), contents, choose) : null;
  const map = arrays.map ? new EmbeddingMap($("map"), contents, choose) : null;
  const card = new Card($("card"), contents, pairs, choose);
  if (!tissue) $("tissue-frame").replaceChildren(document.createTextNode("This run knows no positions: there is no tissue to draw."));
  if (!map) $("map-frame").replaceChildren(document.createTextNode("This run has no embeddings: there is no map to draw."));
  else $("map-says").textContent = `First two principal components of the embeddings: ${words.map.shares.map((one) => (100 * one).toFixed(0) + " %").join(" and ")} of their variance.`;
  $("headline").replaceChildren(...words.verdicts.slice(0, 6).map((one) => make("li", {}, one)));
  $("colour").replaceChildren(...words.columns.map((one) => make("option", { value: one.name }, one.label)));
  if (pairs) $("model").replaceChildren(...pairs.models.map((one) => make("option", { value: one }, one)));
  else { $("questions").hidden = true; $("model-choice").hidden = true; }

  function marks() {
    if (!state.groups.A && !state.groups.B) return null;
    const marked = new Uint8Array(contents.n);
    for (const name of GROUPS) if (state.groups[name]) for (let i = 0; i < contents.n; i++) if (state.groups[name][i]) marked[i] = 1;
    return marked;
  }

  function draw() {
    const colours = coloured(contents, column()), marked = marks();
    if (marked) {
      const [a, b] = GROUPS.map((name) => pixel(...rgb(GROUP_COLOURS[name]))), both = pixel(...rgb("#CC79A7"));
      for (let i = 0; i < contents.n; i++) {
        const [inA, inB] = GROUPS.map((name) => state.groups[name]?.[i]);
        if (inA || inB) colours.colour[i] = inA && inB ? both : inA ? a : b;
      }
    }
    const lines = [];
    if (pairs && state.neuron >= 0) for (const [side, css] of [["out", "#D55E00"], ["in", "#0072B2"]]) {
      const of = pairs.of(state.neuron, side, state.model);
      if (of) lines.push(...of.connected.map(({ neuron }) => ({ from: state.neuron, to: neuron, css })));
    }
    for (const view of [tissue, map]) if (view) { Object.assign(view, { colours, marked, neuron: state.neuron, lines }); view.draw(); }
    legend(colours.legend, marked);
  }

  function legend(told, marked) {
    const frame = $("legend");
    if (marked) frame.replaceChildren(...GROUPS.filter((name) => state.groups[name]).map((name) => entry(GROUP_COLOURS[name], `${name}: ${state.named[name]}, ${count(state.groups[name])} neurons`)));
    else if (Array.isArray(told)) frame.replaceChildren(...told.map((one) => entry(one.css, `${one.label} (${one.count.toLocaleString("en")})`)), entry(`rgb(${greyOf()})`, "not known"));
    else {
      const ramp = RAMPS[told.turns ? "circle" : "ramp"], stops = Array.from({ length: 9 }, (_, k) => { const at = 3 * Math.round((255 * k) / 8); return `rgb(${ramp[at]},${ramp[at + 1]},${ramp[at + 2]})`; });
      frame.replaceChildren(make("span", { class: "num" }, `${number(told.low)} ${told.unit}`), make("span", { class: "ramp", style: `background:linear-gradient(90deg,${stops.join(",")})` }), make("span", { class: "num" }, `${number(told.high)} ${told.unit}`), entry(`rgb(${greyOf()})`, "not known"));
    }
  }
  const entry = (css, label) => make("span", { class: "entry" }, make("span", { class: "dot", style: `background:${css}` }), label);
  const count = (inside) => inside.reduce((a, b) => a + b, 0).toLocaleString("en");

  function choose(i) {
    state.neuron = i;
    card.show(i, state.model);
    const like = pairs && i >= 0 ? pairs.likeToLike(i) : null;
    $("axon-says").textContent = !like ? "Choose a neuron whose axon was looked at." : like.targets < 2 ? `${like.targets} of ${like.candidates} candidates connect: two are needed.`
      : `The embeddings of ${like.targets} targets of ${card.called(i)} are ${number(like.found)} similar to its own (mean cosine), those of all ${like.candidates} candidates ${number(like.all)}, of candidates at the same distances ${number(like.matched)} (${number(like.low)} to ${number(like.high)} in 95 % of draws): p = ${number(like.p, 2)} for this one axon, two-sided.`;
    draw(); remember();
  }

  function ask() {
    const { A, B } = state.groups;
    if (!pairs) return;
    if (!A || !B) { $("between-says").textContent = "Choose group A, the axons, and group B, the targets: draw a rectangle in a view, or take a class from the list."; return; }
    const found = pairs.between(A, B);
    const out = [];
    if (!found.pairs) out.push(`No candidate pair leads from A to B: ${found.axons} axons of A were looked at.`);
    else {
      out.push(`${found.connected} of ${found.pairs.toLocaleString("en")} candidate pairs from ${found.axons} axons of A to B connect: ${percent(found.rate)}.`);
      if (Number.isFinite(found.ratio)) out.push(`Other targets of the same axons${arrays.places ? ", at the same distances between somata," : ""} connect in ${percent(found.expected)}: ${number(found.ratio)} times as often` + (Number.isFinite(found.low) ? ` (95 % interval ${number(found.low)} to ${number(found.high)}, axons resampled).` : " (fewer than five axons: no interval)."));
      if (found.alone) out.push(`${found.alone} pairs lie at distances at which there is nobody but B, and are compared with nothing.`);
    }
    if (found.unplaced) out.push(`${found.unplaced.toLocaleString("en")} pairs are left out: a position is not known.`);
    $("between-says").textContent = out.join(" ");
  }
  const percent = (share) => `${number(100 * share)} %`;

  function threshold() {
    if (!pairs) return;
    const level = Number($("threshold").value), found = pairs.above(state.model, level), told = ([value, low, high]) => `${percent(value)}${Number.isFinite(low) ? ` (${number(100 * low)} to ${number(100 * high)})` : ""}`;
    const score = pairs.told.scores[state.model];
    $("threshold-says").textContent = `Of ${state.model}, at a probability of ${number(pairs.probability(level))} or more: ${found.taken.toLocaleString("en")} held-out pairs, of which ${told(found.precision)} connect; ${told(found.recall)} of all connections are among them (95 % intervals, axons resampled). Of 1,000 such pairs that nobody looked at yet ${number(1000 * found.precision[0], 2)} are expected to connect.` + (score ? ` Average precision ${number(score.estimate)} (${number(score.low)} to ${number(score.high)}).` : "");
  }

  // A group by its text: a class as column:code, what was drawn as runs.
  function fromText(text) {
    const [of, code] = text.split(":"), one = words.columns.find((column) => column.name === of && column.categories);
    return one ? Uint8Array.from(arrays["column " + of], (value) => (value === Number(code) ? 1 : 0)) : fromRuns(text, contents.n);
  }

  function group(name, text, called) {
    state.groups[name] = text ? fromText(text) : null; state.texts[name] = text; state.named[name] = called;
    draw(); ask(); remember();
  }

  function remember() {
    const told = new URLSearchParams();
    if (state.colour) told.set("colour", state.colour);
    if (state.model) told.set("model", state.model);
    if (state.neuron >= 0) told.set("neuron", arrays.nucleus_id[state.neuron]);
    for (const name of GROUPS) if (state.groups[name]) { told.set(name, state.texts[name]); told.set(name + "named", state.named[name]); }
    if (tissue) told.set("view", [...tissue.turn, tissue.zoom, ...tissue.shift].map((one) => one.toFixed(3)).join(","));
    history.replaceState(null, "", "#" + told);
  }

  function recall() {
    const told = new URLSearchParams(location.hash.slice(1));
    state.colour = words.columns.some((one) => one.name === told.get("colour")) ? told.get("colour") : words.columns[0].name;
    state.model = pairs ? (pairs.models.includes(told.get("model")) ? told.get("model") : pairs.models[0]) : "";
    for (const name of GROUPS) { state.texts[name] = told.get(name) || ""; state.groups[name] = state.texts[name] ? fromText(state.texts[name]) : null; state.named[name] = told.get(name + "named") || ""; }
    const view = (told.get("view") || "").split(",").map(Number);
    if (tissue && view.length === 5 && view.every(Number.isFinite)) Object.assign(tissue, { turn: view.slice(0, 2), zoom: view[2], shift: view.slice(3) });
    $("colour").value = state.colour;
    if (pairs) $("model").value = state.model;
    const neuron = ids.get(told.get("neuron"));
    choose(neuron === undefined ? -1 : neuron);
    ask(); threshold();
  }

  function search() {
    const asked = $("search").value.trim();
    if (!asked) return;
    let found = ids.get(asked) ?? names.get(asked.toLowerCase());
    if (found === undefined && arrays["root id"] && /^\d+$/.test(asked)) { const at = arrays["root id"].indexOf(BigInt(asked)); if (at >= 0) found = arrays["root neuron"][at]; }
    if (found === undefined && words.units) { const at = words.units.findIndex((one) => one.join("/") === asked); if (at >= 0) found = arrays["unit neuron"][at]; }
    $("search-says").textContent = found === undefined ? `${asked} is no nucleus, root id, name or unit (session/scan/unit) of this run.` : "";
    if (found !== undefined) choose(found);
  }

  $("colour").addEventListener("change", () => { state.colour = $("colour").value; draw(); remember(); });
  $("model").addEventListener("change", () => { state.model = $("model").value; choose(state.neuron); threshold(); });
  $("search-form").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  $("threshold").addEventListener("change", threshold);
  $("style").addEventListener("click", () => { document.documentElement.dataset.style = dark() ? "light" : "dark"; draw(); });
  for (const name of GROUPS) {
    const list = $("of-" + name), choices = words.columns.filter((one) => one.categories);
    list.replaceChildren(make("option", { value: "" }, "a class ..."), ...choices.map((one) => make("optgroup", { label: one.label }, ...one.categories.map((label, at) => make("option", { value: `${one.name}:${at}` }, label)))));
    list.addEventListener("change", () => {
      if (!list.value) return;
      const [of, code] = list.value.split(":"), one = choices.find((column) => column.name === of);
      group(name, list.value, `${one.label} ${one.categories[code]}`);
    });
  }
  const modes = [...document.querySelectorAll("input[name=drag]")];
  const mode = () => modes.find((one) => one.checked).value;
  modes.forEach((one) => one.addEventListener("change", () => { for (const view of [tissue, map]) if (view) { view.brushing = mode() !== "look"; view.canvas.classList.toggle("brushing", view.brushing); } }));
  for (const [view, frame, where] of [[tissue, $("tissue-frame"), "tissue"], [map, $("map-frame"), "map"]]) if (view) brush(view, frame, (inside) => group(mode(), toRuns(inside), `drawn in the ${where}`));
  $("clear").addEventListener("click", () => { for (const name of GROUPS) { $("of-" + name).value = ""; group(name, "", ""); } });
  for (const [button, view] of [["save-tissue", tissue], ["save-map", map]]) $(button).addEventListener("click", () => view && view.canvas.toBlob((blob) => saveAs(`${words.name}_${button.slice(5)}.png`, blob)));
  $("tissue").addEventListener("pointerup", remember);
  $("tissue").addEventListener("keyup", remember);
  window.addEventListener("resize", draw);
  window.addEventListener("hashchange", recall);
  recall();
  document.body.dataset.ready = "yes";
}

document.documentElement.dataset.style = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
readContents().then(start).catch((error) => { $("card").textContent = `This page could not be drawn: ${error.message}`; document.body.dataset.ready = "no"; });
