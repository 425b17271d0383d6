"use strict";

// Copy an identifier: the button says so, and so does the live region for those who cannot see it.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const copied = await copy(button.dataset.copy);
  const said = copied ? "Copied" : "Press Ctrl+C";
  button.dataset.label ??= button.textContent;
  button.textContent = said;
  document.getElementById("said").textContent = `${said}: ${button.dataset.copy}`;
  window.setTimeout(() => { button.textContent = button.dataset.label; }, 1500);
});

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
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

// Forms: focus goes to the first error, Escape closes the filters.
document.getElementById("problems")?.focus();
document.querySelector('[aria-invalid="true"]')?.focus();
focusNamed();
window.addEventListener("load", () => window.setTimeout(focusNamed)); // the browser's own jump takes the focus away
window.addEventListener("hashchange", focusNamed);
document.addEventListener("click", (event) => {
  const again = event.target.closest("a[href]")?.href === location.href && location.hash; // followed twice: nothing changes
  if (again) window.setTimeout(focusNamed);
});
document.addEventListener("keydown", (event) => {
  const open = document.querySelector("details.filters[open], details.switcher[open]");
  if (event.key === "Escape" && open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

// A deep link names a field: it gets the focus, and whatever hides it opens.
function focusNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!named) return;
  for (let around = named.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  named.scrollIntoView({ block: named.offsetHeight < window.innerHeight / 2 ? "center" : "start" });
  controlOf(named)?.focus({ preventScroll: true });
}

// Of a group: the chosen option, else what is still empty, else the first. A form has its button at the end of the page, too.
function controlOf(named) {
  if (named.matches("input, select, textarea, button, a, [tabindex]")) return named;
  const inside = named.elements ?? named.querySelectorAll("input, select, textarea, button, a.button");
  const usable = [...inside].filter((control) => control.checkVisibility() && !control.disabled && control.tabIndex >= 0);
  return usable.find((control) => control.type === "radio" && control.checked)
    ?? usable.find((control) => control.matches("input, select, textarea") && control.value === "")
    ?? usable[0];
}

// Empty filter inputs stay out of the address.
document.querySelectorAll('form[method="get"]').forEach((form) => {
  form.addEventListener("submit", () => {
    form.querySelectorAll("input, select").forEach((input) => { input.disabled = input.value === ""; });
  });
});

// A form that names the fields it cannot do without keeps its button off until they say something, and says which.
document.querySelectorAll("form[data-require]").forEach((form) => {
  const button = document.querySelector(`button.primary[form="${form.id}"]`);
  const why = Object.assign(document.createElement("span"), { className: "why", id: "why" });
  button.before(why);
  button.setAttribute("aria-describedby", "why");
  const refresh = () => {
    const missing = form.dataset.require.split(" ").filter((name) => !new FormData(form).get(name)?.trim());
    button.disabled = missing.length > 0;
    why.replaceChildren(...missing.flatMap((name, at) => [at ? ", " : "Still needed: ", linkTo(name)]));
  };
  form.addEventListener("input", refresh);
  refresh();
});

function linkTo(name) {
  const named = document.getElementById(name);
  const label = named.labels?.[0] ?? named.querySelector("legend");
  return Object.assign(document.createElement("a"), { href: `#${name}`, textContent: label.firstChild.textContent.trim() });
}
