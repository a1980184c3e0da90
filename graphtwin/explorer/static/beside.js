// Pages and tables beside the run, as tabs. A page is shown in a frame of no origin: its script reaches neither this page nor any host.
const EXPLORER = "Explorer";

class Beside {
  constructor(contents, card, shown) {
    Object.assign(this, { contents, card, shown, told: contents.words.beside, now: EXPLORER, panels: new Map() });
    this.list = $("tabs");
    this.list.hidden = !this.told.length;
    this.tabs = [EXPLORER, ...this.told.map((one) => one.title)].map((title) => make("button", { type: "button", role: "tab", "aria-controls": title === EXPLORER ? "explorer" : "beside", onclick: () => this.go(title) }, title));
    this.list.replaceChildren(...this.tabs);
    this.list.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key], at = this.tabs.indexOf(document.activeElement);
      if (!by || at < 0) return;
      event.preventDefault();
      const next = this.tabs[(at + by + this.tabs.length) % this.tabs.length];
      this.go(next.textContent);
      next.focus();
    });
    this.mark();
  }

  mark() {
    for (const tab of this.tabs) { const own = tab.textContent === this.now; tab.setAttribute("aria-selected", own); tab.tabIndex = own ? 0 : -1; }
    $("explorer").hidden = this.now !== EXPLORER;
    $("beside").hidden = this.now === EXPLORER;
  }

  // Whether there is a tab of that title; it is shown then.
  go(title) {
    if (title === this.now) return true;
    if (!this.tabs.some((tab) => tab.textContent === title)) return false;
    this.now = title;
    this.mark();
    const at = this.told.findIndex((one) => one.title === title);
    if (at >= 0) {
      const panel = this.panels.get(at) || (this.told[at].columns ? this.table(at) : this.page(at));
      this.panels.set(at, panel);
      if (panel.parentNode !== $("beside-panel")) $("beside-panel").replaceChildren(panel);
      $("beside-says").textContent = this.told[at].says;
    }
    this.shown();
    return true;
  }

  page(at) {
    const inside = this.contents.arrays["page " + at], frame = make("iframe", { title: this.told[at].title, sandbox: "allow-scripts", referrerpolicy: "no-referrer" });
    // Without a base of its own such a page would take a link to one of its sections for one to this page.
    if (inside) frame.srcdoc = new TextDecoder().decode(inside).replace(/^\s*(<!doctype[^>]*>)?/i, '$&<base href="about:srcdoc">');
    else frame.src = "pages/" + at;
    return frame;
  }

  table(at) {
    const { title, columns, key } = this.told[at], values = this.contents.arrays["table " + at], ids = this.contents.arrays[`table ${at} key`], neurons = this.contents.arrays[`table ${at} neuron`];
    const rows = Array.from({ length: neurons.length }, (_, row) => {
      const id = key.length > 1 ? [...ids.subarray(row * key.length, (row + 1) * key.length)].join("/") : String(ids[row]);
      const link = neurons[row] < 0 ? id : make("button", { type: "button", class: "neuron", onclick: () => { this.go(EXPLORER); this.card.choose(neurons[row]); } }, id);
      return [link, ...values.subarray(row * columns.length, (row + 1) * columns.length)];
    });
    return sortable(title, [key.length > 1 ? "session/scan/unit" : "nucleus", ...columns.map((one) => one.replaceAll("_", " "))], rows, title.replace(/\W+/g, "_"));
  }

  // What the tables say of a unit or of a nucleus, as facts of a card: [column, value, low, high] of each table that has it.
  of(ids) {
    const found = [];
    for (const [at, one] of this.told.entries()) {
      if (!one.columns || one.key.length !== ids.length) continue;
      const keys = this.contents.arrays[`table ${at} key`], values = this.contents.arrays["table " + at], n = one.columns.length;
      for (let row = 0; row < keys.length / ids.length; row++) {
        if (!ids.every((id, k) => keys[row * ids.length + k] === BigInt(id))) continue;
        const value = (name) => { const k = one.columns.indexOf(name); return k < 0 ? NaN : values[row * n + k]; };
        found.push({ title: one.title, facts: one.columns.filter((name) => !/_(low|high)$/.test(name) && Number.isFinite(value(name))).map((name) => [name.replaceAll("_", " "), value(name), value(name + "_low"), value(name + "_high")]) });
      }
    }
    return found;
  }
}
