// The page: views, card and questions joined by one state, which the address holds.
const NARROW = 960; // width in pixels up to which the style puts the card below the views
const GROUPS = ["A", "B"], GROUP_COLOURS = { A: "#0072B2", B: "#D55E00" };
const state = { colour: "", only: "", neuron: -1, model: "", groups: { A: null, B: null }, texts: { A: "", B: "" }, named: { A: "", B: "" } };
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
  const beside = new Beside(contents, card, () => { draw(); remember(); });
  card.beside = beside;
  if (!tissue) $("tissue-frame").replaceChildren(document.createTextNode("This run knows no positions: there is no tissue to draw."));
  if (!map) $("map-frame").replaceChildren(document.createTextNode("This run has no embeddings: there is no map to draw."));
  for (const [button, view] of [["save-tissue", tissue], ["save-map", map]]) $(button).hidden = !view;
  if (map) $("map-says").textContent = `First two principal components of the embeddings: ${words.map.shares.map((one) => (100 * one).toFixed(0) + " %").join(" and ")} of their variance.`;
  $("headline").replaceChildren(...words.verdicts.map((one) => make("li", {}, one)));
  const sources = [...new Set(words.columns.map((one) => one.of || ""))], options = (of) => words.columns.filter((one) => (one.of || "") === of).map((one) => make("option", { value: one.name }, one.label));
  $("colour").replaceChildren(...sources.flatMap((of) => (of ? [make("optgroup", { label: of }, ...options(of))] : options(of))));
  if (pairs) $("model").replaceChildren(...pairs.models.map((one) => make("option", { value: one }, one)));
  else { $("questions").hidden = true; $("model-choice").hidden = true; }

  function marks() {
    if (!state.groups.A && !state.groups.B) return null;
    const marked = new Uint8Array(contents.n);
    for (const name of GROUPS) if (state.groups[name]) for (let i = 0; i < contents.n; i++) if (state.groups[name][i]) marked[i] = 1;
    return marked;
  }

  function draw() {
    if ($("explorer").hidden) return;
    const colours = coloured(contents, column()), grouped = marks(), code = column().categories ? column().categories.indexOf(state.only) : -1;
    const marked = grouped || (code < 0 ? null : Uint8Array.from(arrays["column " + column().name], (one) => (one === code ? 1 : 0)));
    if (grouped) {
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
    if (tissue) {
      const partners = new Set([state.neuron, ...lines.map(({ to }) => to)]);
      tissue.arbors = { chosen: (i) => i === state.neuron, partners: (i) => partners.has(i), all: () => true, none: () => false }[$("arbors").value];
    }
    for (const view of [tissue, map]) if (view) { Object.assign(view, { colours, marked, neuron: state.neuron, lines }); view.draw(); }
    legend(colours.legend, grouped);
  }

  function legend(told, marked) {
    const frame = $("legend");
    if (marked) frame.replaceChildren(...GROUPS.filter((name) => state.groups[name]).map((name) => entry(GROUP_COLOURS[name], `${name}: ${state.named[name]}, ${count(state.groups[name])} neurons`)));
    else if (Array.isArray(told)) {
      const only = (one) => () => { state.only = state.only === one.label ? "" : one.label; draw(); remember(); [...frame.querySelectorAll("button")].find((each) => each.dataset.label === one.label)?.focus(); };
      frame.replaceChildren(...told.map((one) => make("button", { type: "button", class: "entry", "data-label": one.label, "aria-pressed": state.only === one.label, title: "show this class alone", onclick: only(one) }, make("span", { class: "dot", style: `background:${one.css}` }), `${one.label} (${one.count.toLocaleString("en")})`)), entry(`rgb(${greyOf()})`, "not known"));
    }
    else {
      const ramp = RAMPS[told.kind], stops = Array.from({ length: 9 }, (_, k) => { const at = 3 * Math.round((255 * k) / 8); return `rgb(${ramp[at]},${ramp[at + 1]},${ramp[at + 2]})`; });
      frame.replaceChildren(make("span", { class: "num" }, `${number(told.low)} ${told.unit}`), make("span", { class: "ramp", style: `background:linear-gradient(90deg,${stops.join(",")})` }), make("span", { class: "num" }, `${number(told.high)} ${told.unit}`), ...(told.zeros ? [`0, as measured: ${told.zeros.toLocaleString("en")}`] : []), entry(`rgb(${greyOf()})`, "not known"));
    }
  }
  const entry = (css, label) => make("span", { class: "entry" }, make("span", { class: "dot", style: `background:${css}` }), label);
  const count = (inside) => inside.reduce((a, b) => a + b, 0).toLocaleString("en");

  const atDistances = pairs?.matched ? " " + pairs.matched : "", sameScans = arrays.scan ? " and as often of its own scan" : "";
  function choose(i, follow = true) {
    state.neuron = i;
    card.show(i, state.model);
    if (i >= 0 && follow) $("card").querySelector("h2").focus({ preventScroll: innerWidth > NARROW }); // where the card is below the views, it is brought up
    const like = pairs && i >= 0 ? pairs.likeToLike(i) : null;
    $("axon-says").textContent = !like ? "Choose a neuron whose axon was looked at." : like.targets < 2 ? `${like.targets} of ${like.candidates} candidates connect: two are needed.`
      : `The embeddings of ${like.targets} targets of ${card.called(i)} are ${number(like.found)} similar to its own (mean cosine), those of all its ${like.candidates} candidates with an embedding${pairs.exposure ? ` and a known ${pairs.exposure.measure}` : arrays.places ? " and a position" : ""} ${number(like.all)}, of as many that are drawn from them${atDistances}${sameScans} ${number(like.matched)} (${number(like.low)} to ${number(like.high)} in 95 % of draws): p = ${number(like.p, 2)}, two-sided, of this one axon. Units of any reliability count.`;
    draw(); remember();
  }

  // Whether each axon is proofread; null where the run does not know.
  const status = words.columns.find((one) => one.name === "axon_status");
  const proofread = status ? Uint8Array.from(arrays["column axon_status"], (code) => code !== 255 && !["non", "none", "f"].includes(status.categories[code])) : null;

  function ask() {
    const { A, B } = state.groups;
    if (!pairs) return;
    if (!A || !B) { $("between-says").textContent = "Choose group A, the axons, and group B, the targets: draw a rectangle in a view, or take a class from the list."; return; }
    const found = pairs.between(A, B), out = [];
    if (!found.pairs) out.push(`No candidate pair leads from A to B: ${found.axons} axons of A and ${found.targets} targets of B were looked at.`);
    else {
      out.push(`${found.connected} of ${found.pairs.toLocaleString("en")} candidate pairs from ${found.axons} axons of A to ${found.targets} targets of B connect: ${percent(found.rate)}.`);
      const rests = `${found.compared.toLocaleString("en")} of these pairs, beside ${found.controls.toLocaleString("en")} from the same axons to other targets${atDistances}, of which ${found.controlConnected} connect`;
      if (found.controlConnected < FEWEST_CONTROLS) out.push(`Whether that is often cannot be told: ${rests}, and ${FEWEST_CONTROLS} are needed.`);
      else if (!found.connected) out.push(`At the rate of the same axons' other targets${atDistances} ${number(found.expected, 2)} would: ${rests}.`);
      else out.push(`That is ${number(found.ratio)} times as often as the same axons connect to other targets${atDistances}` + (Number.isFinite(found.low) ? ` (95 % interval over axons, for these very targets, ${number(found.low)} to ${number(found.high)}): ` : " (fewer than five axons: no interval): ") + `${rests}.`);
      if (found.unplaced) out.push(`${found.unplaced.toLocaleString("en")} pairs have ${pairs.exposure ? `no known ${pairs.exposure.measure}` : "a neuron whose position is not known"}.`);
      if (proofread) {
        const clean = found.rows.filter((i) => proofread[i]).length;
        out.push(`${clean} of the axons are proofread; connections of the others that nobody has found yet look like none.`);
      }
    }
    $("between-says").textContent = out.join(" ");
  }
  const percent = (share) => `${number(100 * share)} %`;

  function threshold() {
    if (!pairs) return;
    const level = Number($("threshold").value);
    $("threshold").setAttribute("aria-valuetext", `probability ${number(pairs.probability(level))}`);
    const found = pairs.above(state.model, level, proofread), told = ([value, low, high]) => `${percent(value)}${Number.isFinite(low) ? ` (${number(100 * low)} to ${number(100 * high)})` : ""}`;
    const score = pairs.told.scores[state.model];
    $("threshold-says").textContent = `Of ${state.model}, at a probability of ${number(pairs.probability(level))} or more: ${found.taken.toLocaleString("en")} held-out pairs, ` + (found.taken ? `of which ${told(found.precision)} connect; ${told(found.recall)} of all connections are among them (95 % intervals over axons). As many of 1,000 other pairs would, if their axons and targets are like these and as well proofread: ${number(1000 * found.precision[0], 2)}. Where axons are not proofread, connections that nobody has found yet look like none, and precision is a lower bound.` : "there are none.") + (score ? ` Average precision ${number(score.estimate)} (${number(score.low)} to ${number(score.high)}).` : "") + yieldOf(found.yield);
  }

  // What proofreading the axons that nobody proofread is expected to find among pairs above the threshold, if they are like the others.
  function yieldOf(told) {
    if (!told || !told.axons) return "";
    const pairsOf = `${told.pairs.toLocaleString("en")} of these pairs are of ${told.axons.toLocaleString("en")} axons that are not proofread; ${told.known.toLocaleString("en")} of them connect so far.`;
    if (!told.taken) return ` Proofreading: ${pairsOf} No pair of a proofread axon is above the threshold: what is left to find cannot be told.`;
    const [most, low, high] = told.expected.map((one) => Math.round(one).toLocaleString("en"));
    return ` Proofreading: ${pairsOf} At the precision of proofread axons (${percent(told.rate)} of ${told.taken.toLocaleString("en")} pairs of ${told.done} axons), ${most} more` + (Number.isFinite(told.expected[1]) ? ` (${low} to ${high})` : "") + " would be found, if the axons are alike: proofread ones were chosen.";
  }

  // Which neurons the run has, in a few letters, so that what was drawn in another run is not taken for neurons of this one.
  let sum = contents.n;
  for (const id of arrays.nucleus_id) sum = (Math.imul(sum, 31) + Number(id % 2147483647n)) | 0;
  const stamp = "drawn" + (sum >>> 0).toString(36);

  // A group by its text: a class as column:class, what was drawn as its runs after the stamp of the run; null where this run has none such.
  function fromText(text) {
    const at = text.indexOf(":"), [of, label] = [text.slice(0, at), text.slice(at + 1)];
    if (of === stamp) return { inside: fromRuns(label, contents.n), called: "drawn" };
    const one = words.columns.find((column) => column.name === of && column.categories), code = one ? one.categories.indexOf(label) : -1;
    return code < 0 ? null : { inside: Uint8Array.from(arrays["column " + of], (value) => (value === code ? 1 : 0)), called: `${one.label} ${label}` };
  }

  function set(name, text) {
    const found = text ? fromText(text) : null;
    state.groups[name] = found ? found.inside : null; state.texts[name] = found ? text : ""; state.named[name] = found ? found.called : "";
    const list = $("of-" + name);
    list.value = [...list.options].some((one) => one.value === text) ? text : "";
    return !text || found !== null;
  }

  function group(name, text) { set(name, text); draw(); ask(); remember(); }

  function remember() {
    const told = new URLSearchParams();
    if (state.colour) told.set("colour", state.colour);
    if (state.only) told.set("only", state.only);
    if (arrays.skeletons && $("arbors").value !== "partners") told.set("arbors", $("arbors").value);
    if (state.model) told.set("model", state.model);
    if (beside.now !== EXPLORER) told.set("tab", beside.now);
    if (state.neuron >= 0) told.set("neuron", arrays.nucleus_id[state.neuron]);
    for (const name of GROUPS) if (state.groups[name]) told.set(name, state.texts[name]);
    if (tissue) told.set("view", [...tissue.turn, tissue.zoom, ...tissue.shift].map((one) => one.toFixed(3)).join(","));
    history.replaceState(null, "", "#" + told);
  }

  function recall() {
    const told = new URLSearchParams(location.hash.slice(1));
    state.colour = words.columns.some((one) => one.name === told.get("colour")) ? told.get("colour") : words.columns[0].name;
    state.only = words.columns.find((one) => one.name === state.colour)?.categories?.includes(told.get("only")) ? told.get("only") : "";
    state.model = pairs ? (pairs.models.includes(told.get("model")) ? told.get("model") : pairs.models[0]) : "";
    const missing = GROUPS.filter((name) => !set(name, told.get(name) || "")).map((name) => `group ${name}`);
    const view = (told.get("view") || "").split(",").map(Number);
    if (tissue && view.length === 5 && view.every(Number.isFinite)) Object.assign(tissue, { turn: view.slice(0, 2), zoom: Math.max(0.1, Math.min(200, view[2])), shift: view.slice(3) });
    $("colour").value = state.colour;
    $("arbors").value = ["chosen", "all", "none"].includes(told.get("arbors")) ? told.get("arbors") : "partners";
    if (pairs) $("model").value = state.model;
    const neuron = ids.get(told.get("neuron"));
    if (told.has("neuron") && neuron === undefined) missing.push(`neuron ${told.get("neuron")}`);
    if (!beside.go(told.get("tab") || EXPLORER)) missing.push(`tab ${told.get("tab")}`);
    $("search-says").textContent = missing.length ? `The address names what this run does not have: ${missing.join(", ")}.` : "";
    choose(neuron === undefined ? -1 : neuron, false);
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

  $("arbors-choice").hidden = !arrays.skeletons;
  if (arrays.skeletons) {
    const drawn = new Set(arrays.skeletons.filter((_, at) => at % 4 === 0));
    $("arbors-says").textContent = `Skeletons of ${drawn.size.toLocaleString("en")} neurons: axons red, dendrites blue.`;
    $("arbors").addEventListener("change", () => { draw(); remember(); });
  }
  $("colour").addEventListener("change", () => { state.colour = $("colour").value; state.only = ""; draw(); remember(); });
  $("model").addEventListener("change", () => { state.model = $("model").value; choose(state.neuron); threshold(); });
  $("search-form").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  $("threshold").addEventListener("change", threshold);
  $("style").addEventListener("click", () => { document.documentElement.dataset.style = dark() ? "light" : "dark"; draw(); });
  for (const name of GROUPS) {
    const list = $("of-" + name), choices = words.columns.filter((one) => one.categories);
    list.replaceChildren(make("option", { value: "" }, "a class ..."), ...choices.map((one) => make("optgroup", { label: one.label }, ...one.categories.map((label) => make("option", { value: `${one.name}:${label}` }, label)))));
    list.addEventListener("change", () => { if (list.value) group(name, list.value); });
  }
  const modes = [...document.querySelectorAll("input[name=drag]")];
  const mode = () => modes.find((one) => one.checked).value;
  modes.forEach((one) => one.addEventListener("change", () => { for (const view of [tissue, map]) if (view) { view.brushing = mode() !== "look"; view.canvas.classList.toggle("brushing", view.brushing); view.canvas.style.touchAction = view.brushing ? "none" : ""; } }));
  for (const [view, frame] of [[tissue, $("tissue-frame")], [map, $("map-frame")]]) if (view) brush(view, frame, (inside) => group(mode(), `${stamp}:${toRuns(inside)}`));
  $("clear").addEventListener("click", () => { for (const name of GROUPS) set(name, ""); draw(); ask(); remember(); });
  for (const [button, view] of [["save-tissue", tissue], ["save-map", map]]) $(button).addEventListener("click", () => view && view.canvas.toBlob((blob) => saveAs(`${words.name}_${button.slice(5)}.png`, blob)));
  if (tissue) for (const done of ["pointerup", "keyup", "looked"]) tissue.canvas.addEventListener(done, remember);
  window.addEventListener("resize", draw);
  window.addEventListener("hashchange", recall);
  recall();
  document.body.dataset.ready = "yes";
  if (pairs) setTimeout(() => { pairs.bins(); pairs.models.forEach((model) => pairs.counted(model)); }, 50); // so that the first question is answered as fast as the next
}

document.documentElement.dataset.style = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
readContents().then(start).catch((error) => { $("card").textContent = `This page could not be drawn: ${error.message}`; document.body.dataset.ready = "no"; });
