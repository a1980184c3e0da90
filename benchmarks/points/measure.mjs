// 75,000 turning points, frames a second in Chromium without a graphics card: an image with a depth for each pixel, as the explorer
// draws; bare WebGL points; three.js; deck.gl. In this folder: npm install --no-package-lock && node measure.mjs
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const here = new URL(".", import.meta.url);
const kinds = { html: "text/html", js: "text/javascript" };
const server = createServer((request, answer) => {
  const name = request.url.slice(1).split("?")[0];
  const file = createReadStream(new URL(name, here));
  file.on("error", () => { answer.writeHead(404); answer.end(); });
  file.once("open", () => { answer.writeHead(200, { "Content-Type": kinds[name.split(".").at(-1)] || "text/plain" }); file.pipe(answer); });
}).listen(0, "127.0.0.1");
await new Promise((done) => server.once("listening", done));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"] });
for (const kind of ["image", "webgl", "three", "deck"]) {
  const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
  await page.goto(`http://127.0.0.1:${server.address().port}/${kind}.html`);
  const ended = await page.waitForFunction(() => document.title === "done", null, { timeout: 60000 }).then(() => true, () => false);
  const { fps } = ended ? JSON.parse(await page.evaluate(() => document.getElementById("o").textContent)) : { fps: NaN };
  console.log(`${kind}: ${ended ? fps.toFixed(1) + " frames a second" : "fewer than six frames in a minute"}`);
  await page.close();
}
await browser.close();
server.close();
