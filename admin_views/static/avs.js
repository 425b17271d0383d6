// What every page has: identifiers that can be copied, a focus that deep links lead to, forms that need no second look.
import { announce } from "./announce.js";

const COPIED_FOR = 1500;

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-copy]");
  if (button) copyFrom(button);
});

// Copying: the button says so, and so does the live region for those who cannot see it

async function copyFrom(button) {
  const isCopied = await copy(button.dataset.copy);
  const result = isCopied ? "Copied" : "Press Ctrl+C";
  button.dataset.label ??= button.textContent;
  button.textContent = result;
  announce(`${result}: ${button.dataset.copy}`);
  window.setTimeout(() => {
    button.textContent = button.dataset.label;
  }, COPIED_FOR);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // plain http has no clipboard, except on localhost
  }
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}

// Focus: the first error has it, then whatever a deep link names

document.getElementById("problems")?.focus();
document.querySelector('[aria-invalid="true"]')?.focus();
focusNamed();
window.addEventListener("load", () => window.setTimeout(focusNamed)); // the browser's own jump takes the focus away
window.addEventListener("hashchange", focusNamed);
document.addEventListener("click", ({ target }) => {
  const address = target.closest("a[href]")?.href;
  if (location.hash && address === location.href) window.setTimeout(focusNamed); // followed twice: the hash stays
});

// What hides the named field opens; it stands in the middle of the window, when it is small enough for that.
function focusNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!named) return;
  for (let details = named.closest("details"); details; details = details.parentElement.closest("details")) {
    details.open = true;
  }
  named.scrollIntoView({ block: named.offsetHeight < window.innerHeight / 2 ? "center" : "start" });
  controlOf(named)?.focus({ preventScroll: true });
}

// Of a group: the chosen option, else what is still empty, else the first.
function controlOf(named) {
  if (named.matches("input, select, textarea, button, a, [tabindex]")) return named;
  const inside = named.elements ?? named.querySelectorAll("input, select, textarea, button, a.button"); // a form's may be elsewhere
  const usable = [...inside].filter(
    (control) => control.checkVisibility() && !control.disabled && control.tabIndex >= 0,
  );
  const chosen = usable.find((control) => control.type === "radio" && control.checked);
  const empty = usable.find((control) => control.matches("input, select, textarea") && control.value === "");
  return chosen ?? empty ?? usable[0];
}

// Escape closes filters and menus, and the focus goes back to what opened them.

document.addEventListener("keydown", ({ key }) => {
  const open = document.querySelector("details.filters[open], details.switcher[open]");
  if (key !== "Escape" || !open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

// Empty filter inputs stay out of the address.

for (const form of document.querySelectorAll('form[method="get"]')) {
  form.addEventListener("submit", () => {
    for (const input of form.querySelectorAll("input, select")) input.disabled = input.value === "";
  });
}

// A form that names the fields it cannot do without keeps its button off until they say something, and says which.

for (const form of document.querySelectorAll("form[data-require]")) {
  const button = document.querySelector(`button.primary[form="${form.id}"]`);
  const why = Object.assign(document.createElement("span"), { className: "why", id: "why" });
  button.before(why);
  button.setAttribute("aria-describedby", "why");
  form.addEventListener("input", () => showMissing(form, button, why));
  showMissing(form, button, why);
}

function showMissing(form, button, why) {
  const values = new FormData(form);
  const missing = form.dataset.require.split(" ").filter((name) => !values.get(name)?.trim());
  button.disabled = missing.length > 0;
  why.replaceChildren(...missing.flatMap((name, index) => [index ? ", " : "Still needed: ", linkTo(name)]));
}

function linkTo(name) {
  const named = document.getElementById(name);
  const label = named.labels?.[0] ?? named.querySelector("legend");
  const text = label.firstChild.textContent.trim();
  return Object.assign(document.createElement("a"), { href: `#${name}`, textContent: text });
}
