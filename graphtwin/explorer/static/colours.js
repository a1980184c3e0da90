// Colours of neurons by a column: categories in a palette that every common colour vision tells apart, numbers on a ramp, angles on a circle.
const PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7b4173", "#8c6d31", "#637939", "#393b79", "#843c39", "#17becf"];
// Colour of a class by its place: the palette, then hues a golden angle apart, dark and light in turn, which a click in the legend tells apart.
function shadeOf(at) {
  if (at < PALETTE.length) return PALETTE[at];
  const [hue, light, most] = [(137.508 * at) % 360, at % 2 ? 0.38 : 0.56, at % 2 ? 0.3 : 0.28];
  return "#" + [0, 8, 4].map((k) => { const turn = (k + hue / 30) % 12; return Math.round(255 * (light - most * Math.max(-1, Math.min(turn - 3, 9 - turn, 1)))).toString(16).padStart(2, "0"); }).join("");
}

const RAMPS = JSON.parse(document.getElementById("ramps").textContent);
const dark = () => document.documentElement.dataset.style === "dark";
const greyOf = () => (dark() ? [70, 76, 84] : [205, 209, 214]);
const pixel = (r, g, b) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

function quantiles(values, shares) {
  const held = Float32Array.from(values.filter((one) => Number.isFinite(one))).sort();
  return held.length ? shares.map((share) => held[Math.round(share * (held.length - 1))]) : shares.map(() => NaN);
}

function number(value, digits = 3) {
  if (!Number.isFinite(value)) return "unknown";
  const size = Math.abs(value);
  return size >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(digits)));
}

// Of a column: {colour: a pixel for each neuron, known, legend: [{label, css, code, count}] or {low, high, kind, unit}}.
function coloured(contents, column) {
  const values = contents.arrays["column " + column.name];
  const colour = new Uint32Array(contents.n);
  const known = new Uint8Array(contents.n);
  const grey = pixel(...greyOf());
  if (column.categories) {
    const shades = column.categories.map((_, at) => shadeOf(at));
    const pixels = shades.map((css) => pixel(...rgb(css)));
    const count = new Array(shades.length).fill(0);
    for (let i = 0; i < contents.n; i++) {
      known[i] = values[i] !== 255;
      colour[i] = known[i] ? pixels[values[i]] : grey;
      if (known[i]) count[values[i]]++;
    }
    return { colour, known, legend: column.categories.map((label, at) => ({ label, css: shades[at], code: at, count: count[at] })) };
  }
  const turns = column.unit === "degrees";
  const signed = column.name.endsWith("_error");
  let [low, high] = quantiles(values, [0.01, 0.99]);
  if (turns) [low, high] = [0, column.name.endsWith("orientation") ? 180 : 360];
  if (signed) [low, high] = [-Math.max(Math.abs(low), Math.abs(high)), Math.max(Math.abs(low), Math.abs(high))];
  const kind = turns ? "circle" : signed ? "signed" : "ramp", ramp = RAMPS[kind];
  let zeros = 0;
  for (let i = 0; i < contents.n; i++) {
    known[i] = Number.isFinite(values[i]);
    zeros += values[i] === 0;
    const at = 3 * Math.max(0, Math.min(255, Math.round((255 * (values[i] - low)) / (high - low || 1))));
    colour[i] = known[i] ? pixel(ramp[at], ramp[at + 1], ramp[at + 2]) : grey;
  }
  return { colour, known, legend: { low, high, kind, unit: column.unit || "", zeros: column.name === "reliability" ? zeros : 0 } };
}
