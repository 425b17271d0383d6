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
document.addEventListener("keydown", (event) => {
  const open = document.querySelector("details.filters[open]");
  if (event.key === "Escape" && open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

// Empty filter inputs stay out of the address.
document.querySelectorAll('form[method="get"]').forEach((form) => {
  form.addEventListener("submit", () => {
    form.querySelectorAll("input, select").forEach((input) => { input.disabled = input.value === ""; });
  });
});
