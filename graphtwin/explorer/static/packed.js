"use strict";
// What the page shows: words, and arrays by name.
const KINDS = { float32: Float32Array, uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, int64: BigInt64Array };

async function readContents() {
  const inside = document.getElementById("contents").textContent.trim();
  let packed;
  if (inside) {
    const text = atob(inside);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    packed = new Blob([bytes]).stream();
  } else {
    const answer = await fetch("contents");
    if (!answer.ok) throw new Error("The server says: " + (await answer.text()));
    packed = answer.body;
  }
  const block = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const length = new DataView(block).getUint32(0, true);
  const words = JSON.parse(new TextDecoder().decode(new Uint8Array(block, 4, length)));
  const arrays = {};
  for (const [name, { kind, shape, at }] of Object.entries(words.arrays)) {
    const n = shape.reduce((a, b) => a * b, 1);
    arrays[name] = new KINDS[kind](block, 4 + length + at, n);
    arrays[name].columns = shape[1] || 1;
  }
  return { words, arrays, n: arrays.nucleus_id.length };
}
