// The explorer in a real browser: node explorer.mjs PAGE BARE_PAGE ADDRESS EXPECTED FOLDER. Screenshots go to FOLDER; facts of layout are asserted.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [page_file, bare_file, address, expected_file, shots] = process.argv.slice(2);
const expected = JSON.parse(readFileSync(expected_file, "utf8"));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const claims = [];
const claim = (name, test) => claims.push([name, test]);

// A page with everything that it asked of the network, and every error that it met.
async function opened(where, size = { width: 1400, height: 1000 }, more = {}) {
  const context = await browser.newContext({ viewport: size, acceptDownloads: true, ...more });
  const page = await context.newPage();
  const asked = [], errors = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("requestfailed", (request) => request.failure().errorText === "csp" && asked.splice(asked.indexOf(request.url()), 1)); // never sent
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  const begun = Date.now();
  await page.goto(where);
  await page.waitForFunction(() => document.body.dataset.ready, null, { timeout: 60000 });
  return { page, asked, errors, took: Date.now() - begun, close: () => context.close() };
}
const alone = "file://" + page_file;
const text = (page, id) => page.locator("#" + id).innerText();
const numbers = (words) => [...words.replaceAll(",", "").matchAll(/\d+(\.\d+)?/g)].map((one) => Number(one[0]));

// Whatever is wider than the page, or cut by the box that holds it.
const cut = (page) => page.evaluate(() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const cut = [...document.querySelectorAll("p, li span, h1, h2, h3, button, label, td, th")].filter((one) => one.offsetParent && !one.closest(".scroll") && one.scrollWidth > one.clientWidth + 2 && getComputedStyle(one).display !== "inline");
  const over = [...document.querySelectorAll("body *")].filter((one) => !one.closest(".scroll") && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
  return { wide, over: over.slice(0, 5).map((one) => one.tagName + "#" + one.id + " " + one.textContent.slice(0, 40)), cut: cut.map((one) => one.textContent.slice(0, 60)) };
});

// Contrast of text against the paper, by the formula of WCAG 2.
const contrasts = (page) => page.evaluate(() => {
  const parts = (css) => css.match(/[\d.]+/g).slice(0, 3).map(Number);
  const light = (css) => { const [r, g, b] = parts(css).map((one) => { const c = one / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const of = (one) => { const ink = light(getComputedStyle(one).color); return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); };
  return Math.min(...[...document.querySelectorAll("p, span.what, h1, h2, h3, a, button, td")].filter((one) => one.offsetParent && one.textContent.trim()).map(of));
});

for (const [kind, where] of [["alone", alone], ["served", address]]) {
  claim(`${kind}: the page is there within 5 seconds and asks nothing of another host`, async () => {
    const { page, asked, errors, took, close } = await opened(where);
    assert.equal(await page.evaluate(() => document.body.dataset.ready), "yes");
    assert.deepEqual(errors, []);
    const own = new URL(where).origin;
    assert.deepEqual(asked.filter((one) => !one.startsWith("data:") && !one.startsWith("blob:") && !(own === "null" ? one.startsWith("file:") : one.startsWith(own))), []);
    assert.ok(took < 5000, `${took} ms`);
    console.log(`  ${kind}: ${expected.neurons} neurons in ${took} ms`);
    await page.screenshot({ path: `${shots}/${kind}.png` });
    await close();
  });
}

claim("a neuron is found by its id, its targets are those of the run, and a click on one goes there", async () => {
  const { page, errors, close } = await opened(alone);
  await page.fill("#search", String(expected.axon));
  await page.keyboard.press("Enter");
  const card = await text(page, "card");
  assert.ok(card.includes(`Targets: ${expected.targets} connected of`), card.slice(0, 400));
  assert.ok(card.includes(expected.axon_class));
  const first = page.locator("#card > section table").first().locator("tbody tr").first();
  const cells = await first.locator("td").allInnerTexts();
  assert.equal(cells[0], String(expected.target));
  assert.ok(Math.abs(Number(cells[4]) / expected.best - 1) < 0.04, cells[4]);
  await first.locator("button").click();
  assert.ok((await text(page, "card")).startsWith(`Neuron ${expected.target}`));
  await page.fill("#search", "no such neuron");
  await page.keyboard.press("Enter");
  assert.ok((await text(page, "search-says")).includes("is no nucleus, root id, name or unit"));
  assert.deepEqual(errors, []);
  await close();
});

claim("two groups and the rate between them are those of the run's tables, and the address brings them back", async () => {
  const { page, close } = await opened(alone);
  for (const [name, at] of [["A", 0], ["B", 1]]) await page.selectOption(`#of-${name}`, { label: expected.classes[at] });
  const said = await text(page, "between-says");
  const [connected, pairs] = numbers(said);
  assert.equal(connected, expected.connected);
  assert.equal(pairs, expected.pairs);
  const ratio = Number(said.match(/That is ([\d.]+) times as often/)?.[1] ?? NaN);
  if (expected.controls >= 10) assert.ok(Math.abs(ratio - expected.ratio) <= 0.006 * expected.ratio, `${ratio} and ${expected.ratio}`);
  else assert.ok(said.includes("cannot be told"), said);
  const again = await opened(page.url());
  assert.equal(await text(again.page, "between-says"), said);
  await again.close();
  await close();
});

claim("a threshold counts the pairs of the run's table", async () => {
  const { page, close } = await opened(alone);
  await page.locator("#threshold").fill(String(expected.level));
  const said = await text(page, "threshold-says"), told = numbers(said.slice(said.indexOf("or more:")));
  assert.equal(told[0], expected.above);
  assert.ok(Math.abs(told[1] / (100 * expected.precision) - 1) < 0.006, said);
  assert.ok(Math.abs(Number(said.match(/; ([\d.]+) %/)[1]) / (100 * expected.recall) - 1) < 0.006, said);
  await close();
});

claim("a run without positions and embeddings has cards and questions, and says what it lacks", async () => {
  const { page, errors, close } = await opened("file://" + bare_file);
  assert.equal(await page.evaluate(() => document.body.dataset.ready), "yes");
  assert.deepEqual(errors, []);
  assert.ok((await text(page, "tissue-frame")).includes("knows no positions"));
  assert.ok((await text(page, "map-frame")).includes("no embeddings"));
  await page.fill("#search", String(expected.axon));
  await page.keyboard.press("Enter");
  assert.ok((await text(page, "card")).includes(`Targets: ${expected.targets} connected of`));
  for (const [name, at] of [["A", 0], ["B", 1]]) await page.selectOption(`#of-${name}`, { label: expected.classes[at] });
  assert.ok(!(await text(page, "between-says")).includes("distances"));
  await close();
});

for (const [kind, where] of [["alone", alone], ["served", address]])
  claim(`${kind}: the script of a page beside the run reaches nothing`, async () => {
    const { page, asked, close } = await opened(where);
    const before = asked.length;
    await page.getByRole("tab", { name: "hostile" }).click();
    const frame = await (await page.waitForSelector("#beside iframe")).contentFrame();
    await frame.waitForFunction(() => document.body.dataset.done);
    assert.equal(await frame.locator("#reached").innerText(), "");
    assert.ok((await frame.locator("#refused").innerText()).split(" ").length >= 8, await frame.locator("#refused").innerText());
    await frame.locator("#down").click();
    await frame.waitForFunction(() => document.getElementById("below").getBoundingClientRect().top < innerHeight);
    await frame.evaluate(() => { location.href = "https://elsewhere.example/"; });
    await page.waitForTimeout(300);
    assert.deepEqual(asked.slice(before).filter((one) => !/^(data:|blob:|about:)/.test(one) && !one.endsWith("/pages/2")), []);
    assert.equal(page.context().pages().length, 1);
    await close();
  });

claim("pages and tables stand beside the run as tabs, which arrow keys and the address reach, and a row leads to its neuron", async () => {
  const { page, errors, close } = await opened(alone);
  await page.getByRole("tab", { name: "Explorer" }).focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getByRole("tab", { selected: true }).innerText(), "Report");
  const report = await (await page.waitForSelector("#beside iframe")).contentFrame();
  assert.ok((await report.locator("h1").first().innerText()).length > 0);
  await page.keyboard.press("ArrowRight");
  assert.ok((await text(page, "beside-says")).replaceAll(",", "").includes(`${expected.scored.rows} of them are of units of this run`), await text(page, "beside-says"));
  const again = await opened(page.url());
  assert.equal(await again.page.getByRole("tab", { selected: true }).innerText(), "scores");
  assert.equal(await again.page.locator("#tissue").isVisible(), false);
  await again.close();
  await page.locator("#beside th button", { hasText: "cc norm" }).click();
  const first = page.locator("#beside tbody tr").first();
  assert.deepEqual(await first.locator("td").allInnerTexts(), [expected.scored.unit, "1"]);
  await first.locator("button").click();
  assert.ok((await text(page, "card")).startsWith(`Neuron ${expected.scored.nucleus}`));
  assert.match(await text(page, "card"), /scores\s+cc norm\s+1\n/);
  await page.selectOption("#colour", { label: "cc norm" });
  assert.ok((await text(page, "legend")).includes("not known"));
  assert.deepEqual(errors, []);
  await close();
});

claim("an address of another run is said to be one", async () => {
  const { page, close } = await opened(alone + "#neuron=1&tab=gone&A=drawn0:5.3&B=cell_type:no such class&view=NaN,0,0,0,0");
  assert.equal(await text(page, "search-says"), "The address names what this run does not have: group A, group B, neuron 1, tab gone.");
  await close();
});

claim("a rectangle over the map makes a group of the neurons inside", async () => {
  const { page, close } = await opened(alone);
  await page.check("input[value=A]");
  await page.locator("#map").scrollIntoViewIfNeeded();
  const box = await page.locator("#map").boundingBox();
  await page.mouse.move(box.x + 5, box.y + 5);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 5, box.y + box.height - 5, { steps: 4 });
  await page.mouse.up();
  const [inside] = numbers((await text(page, "legend")).replace("A:", ""));
  assert.ok(inside > 100, String(inside));
  const again = await opened(page.url());
  assert.deepEqual(numbers((await text(again.page, "legend")).replace("A:", "")), [inside]);
  await again.close();
  await page.click("#clear");
  assert.ok(!(await text(page, "legend")).includes("A:"));
  await close();
});

claim("the tissue turns by drag and by keys alone, and 30 times a second", async () => {
  const { page, close } = await opened(alone);
  const picture = () => page.evaluate(() => document.getElementById("tissue").toDataURL().length + document.getElementById("tissue").toDataURL().slice(-4000));
  const before = await picture();
  await page.focus("#tissue");
  await page.keyboard.press("ArrowLeft");
  await page.waitForTimeout(200);
  const turned = await picture();
  assert.notEqual(turned, before);
  await page.keyboard.press("0");
  await page.waitForTimeout(200);
  assert.equal(await picture(), before);
  const frames = await page.evaluate(() => new Promise((done) => {
    const canvas = document.getElementById("tissue"), begun = performance.now();
    let n = 0;
    const next = () => { canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" })); if (++n < 40) requestAnimationFrame(next); else done((1000 * n) / (performance.now() - begun)); };
    requestAnimationFrame(next);
  }));
  console.log(`  ${expected.neurons} neurons: ${frames.toFixed(0)} frames a second`);
  assert.ok(frames > 15, String(frames));
  await close();
});

claim("the wheel zooms to what is under the pointer, and keys move the map", async () => {
  const { page, close } = await opened(alone);
  const box = await page.locator("#tissue").boundingBox(), [x, y] = [box.x + 0.3 * box.width, box.y + 0.6 * box.height];
  await page.mouse.move(x, y);
  await page.mouse.wheel(0, -600);
  await page.waitForTimeout(100);
  const [zoom, right, down] = new URLSearchParams(page.url().split("#")[1]).get("view").split(",").slice(2).map(Number);
  assert.ok(zoom > 2, String(zoom));
  for (const [shift, from] of [[right, -0.2 * box.width], [down, 0.1 * box.height]]) assert.ok(Math.abs(shift - from * (1 - zoom)) < 2, `${shift} and ${from * (1 - zoom)}`);
  const picture = () => page.evaluate(() => document.getElementById("map").toDataURL());
  const before = await picture();
  await page.focus("#map");
  await page.keyboard.press("+");
  await page.keyboard.press("ArrowLeft");
  assert.notEqual(await picture(), before);
  await page.keyboard.press("0");
  assert.equal(await picture(), before);
  await close();
});

claim("a class of the legend is shown alone, and the address brings it back", async () => {
  const { page, close } = await opened(alone);
  const entry = (of) => of.locator("#legend button").nth(1);
  await entry(page).click();
  assert.equal(await entry(page).getAttribute("aria-pressed"), "true");
  const again = await opened(page.url());
  assert.equal(await entry(again.page).getAttribute("aria-pressed"), "true");
  await again.close();
  await entry(page).click();
  assert.equal(await entry(page).getAttribute("aria-pressed"), "false");
  await close();
});

claim("skeletons are drawn of the neurons that are asked for, in their colours", async () => {
  const { page, errors, close } = await opened(alone + "#colour=x_um");
  const inked = async (of) => {
    await page.selectOption("#arbors", of);
    await page.waitForTimeout(200);
    return page.evaluate(() => {
      const canvas = document.getElementById("tissue"), { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let red = 0, blue = 0;
      for (let k = 0; k < data.length; k += 4) { red += data[k] > 180 && data[k + 2] < 60; blue += data[k + 2] > 140 && data[k] < 40; }
      return { red, blue };
    });
  };
  assert.ok((await text(page, "arbors-says")).startsWith(`Skeletons of ${expected.arbored} neurons`), await text(page, "arbors-says"));
  const none = await inked("none"), all = await inked("all");
  assert.ok(all.red > none.red + 10 && all.blue > none.blue + 10, JSON.stringify([none, all]));
  await page.fill("#search", String(expected.axon));
  await page.keyboard.press("Enter");
  const without = await inked("none"), own = await inked("chosen");
  assert.ok(own.blue > without.blue + 10, JSON.stringify([without, own]));
  assert.deepEqual(errors, []);
  await close();
});

claim("all models are told beside one another, and a curve is saved as SVG", async () => {
  const { page, errors, close } = await opened(alone);
  await page.fill("#search", String(expected.told.nucleus));
  await page.keyboard.press("Enter");
  await page.locator("#card summary").click();
  const rows = await page.locator("#card details table").first().locator("tbody tr").allInnerTexts();
  const said = Object.fromEntries(rows.map((row) => row.split("\t")));
  assert.deepEqual(Object.keys(said).sort(), Object.keys(expected.told.models).sort());
  for (const [model, chance] of Object.entries(expected.told.models)) assert.ok(Math.abs(said[model] - chance) <= 0.006 * chance, model);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#card h3 .save").first().click()]);
  const drawn = readFileSync(await download.path(), "utf8");
  assert.match(drawn, /^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  assert.match(drawn, /stroke: rgb/);
  assert.deepEqual(errors, []);
  await close();
});

claim("by the keyboard alone a neuron is found, and what has the focus is seen", async () => {
  const { page, close } = await opened(alone);
  for (let k = 0; k < 12 && (await page.evaluate(() => document.activeElement.id)) !== "search"; k++) await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
  await page.keyboard.type(String(expected.axon));
  await page.keyboard.press("Enter");
  assert.ok((await text(page, "card")).startsWith(`Neuron ${expected.axon}`));
  await close();
});

claim("tables are saved as they are shown and sorted by a heading", async () => {
  const { page, close } = await opened(alone);
  await page.fill("#search", String(expected.axon));
  await page.keyboard.press("Enter");
  const table = page.locator("#card > section table").first();
  await table.locator("th button", { hasText: "distance" }).click();
  const away = (await table.locator("tbody tr td:nth-child(3)").allInnerTexts()).map(Number).filter(Number.isFinite);
  assert.deepEqual(away, [...away].sort((a, b) => b - a));
  const [download] = await Promise.all([page.waitForEvent("download"), table.locator(".save").click()]);
  const lines = readFileSync(await download.path(), "utf8").trim().split("\n");
  assert.equal(lines.length, 1 + expected.targets);
  assert.equal(lines[0], 'neuron,type,"distance, um",similarity,probability,size of synapses');
  await close();
});

for (const [name, size] of [["1400", { width: 1400, height: 1000 }], ["390", { width: 390, height: 844 }]])
  for (const style of ["light", "dark"])
    claim(`at ${name} pixels, ${style}: nothing is cut, and text stands out from the paper`, async () => {
      const { page, close } = await opened(alone, size, { colorScheme: style });
      await page.fill("#search", String(expected.axon));
      await page.keyboard.press("Enter");
      const found = await cut(page);
      assert.ok(found.wide <= 0, `${found.wide} pixels too wide: ${found.over}`);
      assert.deepEqual(found.cut, []);
      const least = await contrasts(page);
      assert.ok(least >= 4.5, `contrast ${least.toFixed(2)}`);
      await page.screenshot({ path: `${shots}/${name}_${style}.png`, fullPage: true });
      await page.getByRole("tab", { name: "scores" }).click();
      const beside = await cut(page);
      assert.ok(beside.wide <= 0, `scores: ${beside.wide} pixels too wide: ${beside.over}`);
      assert.deepEqual(beside.cut, []);
      assert.ok((await contrasts(page)) >= 4.5);
      await page.screenshot({ path: `${shots}/${name}_${style}_scores.png`, fullPage: true });
      await close();
    });

let wrong = 0;
for (const [name, test] of claims) {
  try { await test(); console.log(`ok: ${name}`); } catch (error) { wrong++; console.log(`NOT OK: ${name}\n  ${error.message.slice(0, 600)}`); }
}
await browser.close();
process.exitCode = wrong ? 1 : 0;
