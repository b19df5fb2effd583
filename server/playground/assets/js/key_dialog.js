// Asking for the API key, and where it is kept: for this tab, or on this device if wanted.

import { $ } from "./dom.js";

const STORED = "cutwire.key";

/** The key that is known: from the address, which then forgets it, or kept from before. */
export function knownKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) {
    history.replaceState(null, "", location.pathname + location.search);
    keep(given, false);
  }
  return given ?? sessionStorage.getItem(STORED) ?? localStorage.getItem(STORED) ?? "";
}

function keep(key, isLasting) {
  sessionStorage.setItem(STORED, key);
  if (isLasting) localStorage.setItem(STORED, key);
  else localStorage.removeItem(STORED);
}

/** The dialog; `onKey` is called with the key that was entered. */
export class KeyDialog {
  constructor(onKey) {
    this.dialog = $("#key-dialog");
    this.input = $("#key");
    this.remember = $("#key-remember");
    this.problem = $("#key-problem");
    $("#key-cancel").addEventListener("click", () => this.close());
    $("#key-form").addEventListener("submit", () => {
      keep(this.input.value.trim(), this.remember.checked);
      onKey(this.input.value.trim());
    });
  }

  close() {
    this.dialog.close();
  }

  /** Ask, saying what was wrong with the last key. */
  ask(problem = "") {
    this.input.value = knownKey();
    this.remember.checked = localStorage.getItem(STORED) !== null;
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
    this.input.toggleAttribute("aria-invalid", Boolean(problem));
    this.input.setAttribute("aria-describedby", "key-problem");
    if (!this.dialog.open) this.dialog.showModal();
    this.input.select();
  }
}
