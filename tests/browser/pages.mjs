// What a reader of a page does: point at values, enlarge, sort, by mouse and by keyboard, on a phone and in the dark. Usage: node pages.mjs SHOTS PAGE...
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [, , shots, first, ...others] = process.argv;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const claims = [];
const claim = (name, test) => claims.push([name, test]);

async function opened(file, size = { width: 1400, height: 1000 }, more = {}) {
  const context = await browser.newContext({ viewport: size, ...more });
  const page = await context.newPage();
  const asked = [], errors = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto("file://" + file);
  return { page, asked, errors, close: () => context.close() };
}

// Contrast of text against the paper by the formula of WCAG 2, on the page and in its figures; text over pictures lies on these.
const faint = (page) => page.evaluate(() => {
  const parts = (css) => css.match(/[\d.]+/g).slice(0, 3).map(Number);
  const light = (css) => { const [r, g, b] = parts(css).map((one) => { const c = one / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const of = (css) => { const ink = light(css); return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); };
  const html = [...document.querySelectorAll("p, li, h1, h2, h3, td, th, a, dt, dd, figcaption, summary, button")].filter((one) => one.offsetParent && one.textContent.trim());
  const drawn = [...document.querySelectorAll(".plot svg text")].filter((one) => !/^rgb\((27, 31, 37|254, 254, 254)\)$/.test(getComputedStyle(one).fill));
  const all = [...html.map((one) => [of(getComputedStyle(one).color), one]), ...drawn.map((one) => [of(getComputedStyle(one).fill), one])];
  return all.filter(([contrast]) => contrast < 4.5).map(([contrast, one]) => `${contrast.toFixed(2)} ${one.tagName} ${one.textContent.slice(0, 40)}`).slice(0, 5);
});
const cut = (page) => page.evaluate(() => {
  const width = document.documentElement.clientWidth;
  const over = [...document.querySelectorAll("body *")].filter((one) => !one.closest(".scroll, .plot, .unseen, dialog") && one.getBoundingClientRect().right > width + 1);
  const small = [...document.querySelectorAll(".plot svg")].filter((one) => one.getBoundingClientRect().width < 600 * Number(one.style.getPropertyValue("--share")));
  const scrolled = width < 1000 ? [] : [...document.querySelectorAll(".scroll, .plot")].filter((one) => one.scrollWidth > one.clientWidth + 1);
  return { wide: document.documentElement.scrollWidth - width, over: over.slice(0, 5).map((one) => one.tagName + " " + one.textContent.slice(0, 40)), small: small.length, scrolled: scrolled.map((one) => one.textContent.trim().slice(0, 40)) };
});

for (const file of [first, ...others]) {
  const name = file.split("/").slice(-2).join("_").replace(".html", "");
  claim(`${name}: nothing is asked of any host, and nothing fails`, async () => {
    const { page, asked, errors, close } = await opened(file);
    assert.deepEqual(asked.filter((one) => !one.startsWith("file:") && !one.startsWith("data:")), []);
    assert.deepEqual(errors, []);
    await close();
  });
  for (const [wide, size] of [["1400", { width: 1400, height: 1000 }], ["390", { width: 390, height: 844 }]])
    for (const style of ["light", "dark"])
      claim(`${name} at ${wide} pixels, ${style}: nothing is cut, figures can be read, and text stands out from the paper`, async () => {
        const { page, close } = await opened(file, size, { colorScheme: style });
        assert.deepEqual(await cut(page), { wide: 0, over: [], small: 0, scrolled: [] });
        assert.deepEqual(await faint(page), []);
        await page.screenshot({ path: `${shots}/${name}_${wide}_${style}.png`, fullPage: true });
        await close();
      });
}

// The value that a figure keeps for a name, its panel, and where it lies on the screen.
const kept = (page, figure, name) => page.evaluate(([figure, name]) => {
  const plot = document.querySelector(`#${figure} .plot`), svg = plot.querySelector("svg");
  svg.scrollIntoView({ block: "center", behavior: "instant" });
  const panel = JSON.parse(plot.querySelector("script").textContent)[0], row = panel.at.find((one) => panel.names[one[2]] === name);
  const at = new DOMPoint(row[0], row[1]).matrixTransform(svg.getScreenCTM());
  return { x: at.x, y: at.y, value: row[3] };
}, [figure, name]);

claim("a dot that is pointed at says the value that stands in the table", async () => {
  const { page, close } = await opened(first);
  const row = page.locator("#results-layer tbody").first().locator("tr:not(.group)").first();
  const model = await row.locator("td").first().innerText(), cell = await row.locator("td").nth(1).innerText();
  const { x, y } = await kept(page, "layer", model);
  await page.mouse.move(x + 2, y - 2);
  const said = await page.locator(".told").innerText();
  assert.ok(said.startsWith(model), said);
  const [, value, low, high] = said.match(/: (−?[\d.]+) \((−?[\d.]+) to (−?[\d.]+)\)/);
  const [estimate, from, to] = cell.match(/-?[\d.]+/g);
  for (const [one, other] of [[value, estimate], [low, from], [high, to]]) assert.ok(Math.abs(Number(one.replace("−", "-")) - Number(other)) < 6e-4, `${said} and ${cell}`);
  await page.mouse.move(5, 5);
  assert.ok(!(await page.locator(".told").isVisible()));
  await close();
});

claim("values are walked by keys alone", async () => {
  const { page, close } = await opened(first);
  await page.locator("#layer .plot svg").focus();
  await page.keyboard.press("Home");
  const one = await page.locator(".told").innerText();
  await page.keyboard.press("ArrowRight");
  const two = await page.locator(".told").innerText();
  assert.notEqual(one, two);
  await page.keyboard.press("Escape");
  assert.ok(!(await page.locator(".told").isVisible()));
  await close();
});

claim("a figure is enlarged, moved and closed by keys alone, and is back in its place", async () => {
  const { page, close } = await opened(first);
  const button = page.locator("#layer .enlarge"), svg = page.locator("dialog .plot svg");
  await button.focus();
  await page.keyboard.press("Enter");
  const whole = await svg.getAttribute("viewBox");
  await page.keyboard.press("+");
  const near = await svg.getAttribute("viewBox");
  assert.ok(Number(near.split(" ")[2]) < Number(whole.split(" ")[2]));
  await page.keyboard.press("ArrowRight");
  assert.ok(Number((await svg.getAttribute("viewBox")).split(" ")[0]) > Number(near.split(" ")[0]));
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#layer .plot svg").getAttribute("viewBox"), whole);
  assert.ok(await button.evaluate((one) => one === document.activeElement));
  await close();
});

claim("a table is sorted within its groups by its numbers, by keys too, and comes back", async () => {
  const { page, close } = await opened(first);
  const head = page.locator("#results-layer thead th").nth(1), body = page.locator("#results-layer tbody").first();
  const column = async () => (await body.locator("tr:not(.group) td:nth-child(2) span").allInnerTexts()).map((one) => Number(one.replace("▸", "")));
  const before = await column();
  await head.locator("button").focus();
  await page.keyboard.press("Enter");
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  assert.deepEqual(await column(), [...before].sort((a, b) => b - a));
  assert.ok(await body.locator("tr").first().evaluate((row) => row.classList.contains("group")));
  await page.keyboard.press("Enter");
  assert.deepEqual(await column(), [...before].sort((a, b) => a - b));
  await page.keyboard.press("Enter");
  assert.deepEqual(await column(), before);
  assert.equal(await head.getAttribute("aria-sort"), null);
  await close();
});

claim("figures are saved as SVG in the colours of paper, tables as CSV with their groups", async () => {
  const { page, close } = await opened(first, undefined, { colorScheme: "dark" });
  const saved = async (button) => { const [file] = await Promise.all([page.waitForEvent("download"), button.click()]); return readFileSync(await file.path(), "utf8"); };
  const svg = await saved(page.locator("#layer").getByRole("button", { name: /^Save as SVG/ }));
  assert.ok(svg.startsWith("<svg") && svg.includes('xmlns="http://www.w3.org/2000/svg"') && !svg.includes("var(") && svg.includes("#1b1f24"));
  const csv = (await saved(page.locator("#results-layer + .save"))).trim().split("\n");
  const rows = await page.locator("#results-layer tbody tr").count(), groups = await page.locator("#results-layer tbody tr.group").count();
  assert.equal(csv.length, 1 + rows - groups);
  assert.ok(csv[0].startsWith("group,"));
  await close();
});

claim("without its script the page says the same", async () => {
  const { page, close } = await opened(first, undefined, { javaScriptEnabled: false });
  assert.ok(await page.locator("#results-layer").isVisible());
  assert.equal(await page.locator("main button").count(), 0);
  await close();
});

let wrong = 0;
for (const [name, test] of claims) {
  try { await test(); console.log(`ok: ${name}`); } catch (error) { wrong++; console.log(`NOT OK: ${name}\n  ${error.message.slice(0, 600)}`); }
}
await browser.close();
process.exitCode = wrong ? 1 : 0;
