// The request, the reply, and the same as code, under tabs.

import { h, iconButton, toast } from "./dom.js";
import { coloured, shortened } from "./json_text.js";
import { money, seconds } from "./words.js";

const TABS = [["request", "Request"], ["reply", "Reply"], ["python", "Python"], ["javascript", "JavaScript"], ["curl", "curl"]];

/** Shows what `show` is given; the tab stays when what is shown changes. */
export class Inspector {
  #shown = {};
  #tab = "request";

  constructor(element) {
    this.tabs = TABS.map(([name, label]) => h("button", { type: "button", role: "tab", id: `tab-${name}`,
      "aria-controls": "tab-panel", on: { click: () => this.#open(name), keydown: (event) => this.#key(event) }, data: { tab: name } }, label));
    this.code = h("code");
    this.panel = h("pre", { id: "tab-panel", role: "tabpanel", tabIndex: 0 }, this.code);
    this.facts = h("p", { class: "facts" });
    element.append(
      h("div", { class: "inspector-bar" }, h("div", { class: "tabs", role: "tablist", "aria-label": "Show as" }, this.tabs),
        this.facts, iconButton("copy", "Copy", () => this.#copy(), { text: true })),
      this.panel);
    this.#open("request");
  }

  /** Show a request (or what would be one), the run it belongs to if any, and snippets. */
  show({ request, run, snippets }) {
    this.#shown = {
      request: request && { value: [request] },
      reply: run && { value: replyOf(run), none: run.isOver ? "" : "Still running." },
      python: { text: snippets.python },
      javascript: { text: snippets.javascript },
      curl: { text: snippets.curl },
    };
    const cost = run?.reply?.cost;
    const facts = run?.isOver ? [run.width && `${run.width} × ${run.height}`, seconds(run.tookMs), cost != null && money(cost)] : [];
    this.facts.textContent = facts.filter(Boolean).join(" · ");
    this.#draw();
  }

  #open(name) {
    this.#tab = name;
    for (const tab of this.tabs) {
      const isOpen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `tab-${name}`);
    this.#draw();
  }

  #key(event) {
    const place = this.tabs.indexOf(event.currentTarget);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = this.tabs[(place + step + this.tabs.length) % this.tabs.length];
    next.focus();
    this.#open(next.dataset.tab);
  }

  #draw() {
    const shown = this.#shown[this.#tab];
    if (shown?.text) this.code.textContent = shown.text;
    else if (shown?.value) this.code.replaceChildren(...coloured(shortened(shown.value)));
    else this.code.replaceChildren(h("span", { class: "none" }, shown?.none || "Nothing yet."));
  }

  /** Copies all of it, also what is shown shortened. */
  async #copy() {
    const shown = this.#shown[this.#tab];
    const text = shown?.text ?? (shown?.value && JSON.stringify(shown.value, null, 2));
    if (!text) return;
    await copyText(text);
    toast("Copied.");
  }
}

const replyOf = (run) => (run.reply ? { data: [run.reply] } : run.error && { errors: [run.error] });

/** The clipboard's own interface exists on https and localhost only. */
async function copyText(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch { /* not allowed here: the old way may be */ }
  }
  const area = h("textarea", { value: text, class: "unseen" });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
