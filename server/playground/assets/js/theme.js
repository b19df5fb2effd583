// Light or dark: as the system says, or as chosen here.

const STORED = "cutwire.theme";
const wishes = matchMedia("(prefers-color-scheme: dark)");

const chosen = () => localStorage.getItem(STORED);

/** Which of the two is shown. */
export const current = () => chosen() ?? (wishes.matches ? "dark" : "light");

/** Show the other one, and remember it unless it is the system's. */
export function toggle() {
  const next = current() === "dark" ? "light" : "dark";
  if (next === (wishes.matches ? "dark" : "light")) localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, next);
  apply();
}

/** Call back whenever the theme changes, and now. */
export function watch(act) {
  document.addEventListener("themechange", act);
  act();
}

function apply() {
  document.documentElement.dataset.theme = current();
  document.dispatchEvent(new Event("themechange"));
}

wishes.addEventListener("change", apply);
apply();
