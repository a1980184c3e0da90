"use strict";
// What a page can do beside being read: tell values, enlarge figures, sort tables. Without it the page says the same.
(() => {
const SVG = "http://www.w3.org/2000/svg";
const REACH = 26; // pixels from a value within which it is told
const made = (tag, name, text) => { const one = document.createElement(tag); one.className = name; one.textContent = text || ""; return one; };

// ---- values -------------------------------------------------------------------------------------------------------------------------
const told = made("div", "told");
told.setAttribute("role", "status");
document.body.append(told);
let shown = null;

const number = (value) => (typeof value === "number" ? String(value).replace("-", "−") : value);
function lines(panel, row) {
  const [, , name, x, y, low, high, colour] = row;
  const between = low == null ? "" : ` (${number(low)} to ${number(high)})`;
  const said = [[panel.of, panel.names[name]].filter(Boolean).join(": ")];
  if (x != null) said.push((panel.x ? panel.x + ": " : "") + number(x) + (y == null ? between : ""));
  if (y != null) said.push((panel.y ? panel.y + ": " : "") + number(y) + between);
  if (colour != null) said.push((panel.c || "value") + ": " + number(colour));
  return said.filter(Boolean);
}
function tell(figure, at) {
  hide();
  shown = figure;
  figure.at = at;
  const { panel, row } = figure.values[at];
  const mark = document.createElementNS(SVG, "circle");
  for (const [key, value] of Object.entries({ class: "mark", cx: row[0], cy: row[1], r: 4.5 })) mark.setAttribute(key, value);
  figure.svg.append(mark);
  figure.mark = mark;
  told.replaceChildren(...lines(panel, row).map((line, k) => made("div", k ? "" : "first", line)));
  (figure.svg.closest("dialog") || document.body).append(told);
  told.classList.add("there");
  const box = mark.getBoundingClientRect(), size = told.getBoundingClientRect();
  const left = Math.max(4, Math.min(box.right + 8, document.documentElement.clientWidth - size.width - 4));
  const above = box.top - size.height - 8;
  told.style.left = left + "px";
  told.style.top = (above > 4 ? above : box.bottom + 8) + "px";
}
function hide() {
  if (shown && shown.mark) shown.mark.remove();
  shown = null;
  told.classList.remove("there");
}
function nearest(figure, event) {
  const matrix = figure.svg.getScreenCTM();
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
  let best = -1, least = (REACH / matrix.a) ** 2;
  figure.values.forEach(({ row }, k) => {
    const away = (row[0] - point.x) ** 2 + (row[1] - point.y) ** 2;
    if (away < least) { least = away; best = k; }
  });
  return best;
}
function listen(plot) {
  const svg = plot.querySelector("svg"), kept = plot.querySelector("script");
  const panels = kept ? JSON.parse(kept.textContent) : [];
  const figure = { svg, at: -1, values: panels.flatMap((panel) => panel.at.map((row) => ({ panel, row }))) };
  if (!figure.values.length) return;
  const point = (event) => { const at = nearest(figure, event); if (at < 0) hide(); else if (shown !== figure || at !== figure.at) tell(figure, at); };
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
  svg.setAttribute("tabindex", "0");
  svg.addEventListener("focus", () => svg.matches(":focus-visible") && tell(figure, Math.max(figure.at, 0)));
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const last = figure.values.length - 1, name = ({ panel, row }) => [panel, row[2]];
    const other = (step) => {
      const [panel, series] = name(figure.values[figure.at]);
      for (let k = figure.at + step; k >= 0 && k <= last; k += step) { const [p, s] = name(figure.values[k]); if (p !== panel || s !== series) return k; }
      return figure.at;
    };
    const to = { ArrowRight: () => Math.min(figure.at + 1, last), ArrowLeft: () => Math.max(figure.at - 1, 0), ArrowDown: () => other(1), ArrowUp: () => other(-1), Home: () => 0, End: () => last }[event.key];
    if (to) { event.preventDefault(); tell(figure, to()); } else if (event.key === "Escape" && shown) { event.preventDefault(); event.stopPropagation(); hide(); }
  });
}
addEventListener("scroll", hide, { capture: true, passive: true });

// ---- figures enlarged -----------------------------------------------------------------------------------------------------------------
const dialog = made("dialog", "zoom");
document.body.append(dialog);
let home = null, whole = null;

function view(svg) { return svg.getAttribute("viewBox").split(" ").map(Number); }
function scale(svg, factor, x, y) {
  const [left, top, width, height] = view(svg), most = whole[2];
  const wide = Math.min(most, Math.max(most / 12, width / factor)), by = wide / width;
  const cx = x ?? left + width / 2, cy = y ?? top + height / 2;
  place(svg, cx - (cx - left) * by, cy - (cy - top) * by, wide, height * by);
}
function place(svg, left, top, width, height) {
  const within = (at, size, from, all) => Math.min(Math.max(at, from), from + all - size);
  svg.setAttribute("viewBox", [within(left, width, whole[0], whole[2]), within(top, height, whole[1], whole[3]), width, height].join(" "));
  hide();
}
function enlarge(plot, title) {
  const svg = plot.querySelector("svg");
  home = document.createComment("figure");
  whole = view(svg);
  plot.replaceWith(home);
  const tools = made("div", "tools");
  const button = (text, label, act) => { const one = made("button", "", text); one.type = "button"; one.setAttribute("aria-label", label); one.addEventListener("click", act); tools.append(one); return one; };
  tools.append(made("b", "", title));
  button("−", "Smaller", () => scale(svg, 1 / 1.5));
  button("+", "Larger", () => scale(svg, 1.5));
  button("Whole", "Whole figure", () => place(svg, ...whole));
  button("Close", "Close", () => dialog.close());
  dialog.replaceChildren(tools, plot, made("p", "lead", "Wheel, pinch, + and − enlarge; drag moves; 0 shows the whole; Escape closes."));
  dialog.setAttribute("aria-label", title);
  dialog.svg = svg;
  dialog.showModal();
}
function listen_to_zoom() {
  const fingers = new Map();
  let apart = 0;
  const point = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(dialog.svg.getScreenCTM().inverse());
  dialog.addEventListener("wheel", (event) => {
    if (!event.target.closest("svg")) return;
    event.preventDefault();
    const at = point(event);
    scale(dialog.svg, Math.exp(-event.deltaY / 400), at.x, at.y);
  }, { passive: false });
  dialog.addEventListener("pointerdown", (event) => { if (event.target.closest("svg")) fingers.set(event.pointerId, [event.clientX, event.clientY]); });
  dialog.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY], matrix = dialog.svg.getScreenCTM();
    fingers.set(event.pointerId, now);
    if (fingers.size === 1) {
      const [left, top, width, height] = view(dialog.svg);
      place(dialog.svg, left - (now[0] - before[0]) / matrix.a, top - (now[1] - before[1]) / matrix.d, width, height);
    } else {
      const [one, two] = [...fingers.values()], far = Math.hypot(one[0] - two[0], one[1] - two[1]);
      const middle = point({ clientX: (one[0] + two[0]) / 2, clientY: (one[1] + two[1]) / 2 });
      if (apart) scale(dialog.svg, far / apart, middle.x, middle.y);
      apart = far;
    }
  });
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, (event) => { fingers.delete(event.pointerId); apart = 0; });
  dialog.addEventListener("keydown", (event) => {
    const [left, top, width, height] = view(dialog.svg), step = width / 8, on = event.target === dialog.svg;
    const act = {
      "+": () => scale(dialog.svg, 1.5), "=": () => scale(dialog.svg, 1.5), "-": () => scale(dialog.svg, 1 / 1.5), 0: () => place(dialog.svg, ...whole),
      ArrowLeft: on ? null : () => place(dialog.svg, left - step, top, width, height), ArrowRight: on ? null : () => place(dialog.svg, left + step, top, width, height),
      ArrowUp: on ? null : () => place(dialog.svg, left, top - step, width, height), ArrowDown: on ? null : () => place(dialog.svg, left, top + step, width, height),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    hide();
    dialog.svg.setAttribute("viewBox", whole.join(" "));
    const plot = dialog.querySelector(".plot");
    home.replaceWith(plot);
    plot.parentElement.querySelector(".enlarge").focus();
  });
}

// ---- tables ---------------------------------------------------------------------------------------------------------------------------
// The first number of a cell, which a sign, a p or an interval may stand around; below a bound counts as just below it.
function first_number(text) {
  const found = text.replace(/−/g, "-").match(/^[▸×\s]*(?:[pq] [=<] |([<>≤≥] ?))?([+-]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?)/i);
  if (!found) return NaN;
  const value = Number(found[2].replace(/,/g, ""));
  return /</.test(found[0]) ? value * (1 - 1e-9) : value;
}
function sortable(table) {
  const heads = table.tHead ? [...table.tHead.rows[table.tHead.rows.length - 1].cells] : [];
  const bodies = [...table.tBodies].map((body) => ({ body, rows: [...body.rows] }));
  const data = (rows) => rows.filter((row) => row.cells.length === heads.length);
  if (!bodies.some(({ rows }) => data(rows).length > 1)) return;
  heads.forEach((head, at) => {
    if (head.classList.contains("bar")) return;
    const button = made("button", "sort");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const cells = bodies.flatMap(({ rows }) => data(rows)).map((row) => row.cells[at].textContent.trim());
    const numeric = cells.filter((cell) => Number.isFinite(first_number(cell))).length * 2 > cells.filter((cell) => cell && cell !== "–").length;
    button.addEventListener("click", () => {
      const order = { none: numeric ? "descending" : "ascending", ascending: numeric ? "none" : "descending", descending: numeric ? "ascending" : "none" }[head.getAttribute("aria-sort") || "none"];
      for (const other of heads) other.removeAttribute("aria-sort");
      if (order !== "none") head.setAttribute("aria-sort", order);
      for (const { body, rows } of bodies) {
        const sorted = data(rows), value = (row) => row.cells[at].textContent.trim();
        if (order !== "none") sorted.sort((one, two) => compared(value(one), value(two), numeric, order === "ascending" ? 1 : -1));
        body.append(...rows.filter((row) => !sorted.includes(row)), ...sorted);
      }
    });
  });
}
// ---- figures and tables as files, which the page of a frame has no leave to write ---------------------------------------------------------
const framed = window.top !== window;
function save(name, kind, text) {
  const link = made("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
// A figure in the colours of paper, whatever the style of the screen.
function drawing(svg) {
  const copy = svg.cloneNode(true), light = [...document.styleSheets[0].cssRules].find((rule) => rule.selectorText === ":root").style;
  copy.querySelectorAll(".mark").forEach((mark) => mark.remove());
  copy.removeAttribute("tabindex");
  return new XMLSerializer().serializeToString(copy).replace(/var\((--[\w-]+)\)/g, (_, name) => light.getPropertyValue(name).trim().replace(/"/g, "'"));
}
// The rows as they stand; a row that heads a group goes before its rows as a column.
function rows_of(table) {
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text), said = (cell) => cell.textContent.replace(/\s+/g, " ").trim();
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells].map(said), grouped = [...table.rows].some((row) => row.cells.length === 1);
  let group = "";
  const lines = [grouped ? ["group", ...heads] : heads];
  for (const body of table.tBodies) for (const row of body.rows) {
    if (row.cells.length === 1) group = said(row.cells[0]);
    else lines.push(grouped ? [group, ...[...row.cells].map(said)] : [...row.cells].map(said));
  }
  return lines.map((line) => line.map(quoted).join(",") + "\n").join("");
}
function offered(name, text, label, act) {
  const button = made("button", name, text);
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
  return button;
}

function compared(one, two, numeric, sign) {
  if (!numeric) return sign * one.localeCompare(two, "en", { numeric: true });
  const [a, b] = [first_number(one), first_number(two)];
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b); // what has no number stands last either way
  return sign * (a - b);
}

for (const plot of document.querySelectorAll("figure .plot")) {
  listen(plot);
  const figure = plot.closest("figure"), title = figure.querySelector("h3").textContent, svg = plot.querySelector("svg");
  plot.after(offered("enlarge", "Enlarge", "Enlarge: " + title, () => enlarge(plot, title)));
  if (!framed) figure.querySelector(".enlarge").after(offered("save", "Save as SVG", "Save as SVG: " + title, () => save(figure.id + ".svg", "image/svg+xml", drawing(svg))));
}
listen_to_zoom();
document.querySelectorAll("table").forEach((table, at) => {
  if (!table.tHead) return;
  const named = table.caption ? table.caption.textContent.trim() : "table " + (at + 1);
  if (!framed) table.after(offered("save", "Save as CSV", "Save as CSV: " + named, () => save((table.id || "table-" + (at + 1)) + ".csv", "text/csv", rows_of(table))));
  sortable(table);
});
})();
