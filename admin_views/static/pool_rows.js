// The rows of the pools: they come, move and go, and are called by what is typed.
import { announce } from "./announce.js";

const MOVES = { ArrowUp: -1, ArrowDown: 1 };

// `onAdded` and `onArranged` are called when the form has another row, or its rows stand differently.
export function startRows(form, onAdded, onArranged) {
  form.addEventListener("input", ({ target }) => {
    if (target.name?.endsWith(".label")) rename(target);
  });
  form.addEventListener("keydown", (event) => {
    const row = event.target.closest("[data-row]");
    const by = event.altKey ? MOVES[event.key] : undefined;
    if (!(row && by)) return;
    event.preventDefault();
    if (move(row, by, event.target)) onArranged();
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (addsRow(button)) act(event, () => addRow(button), onAdded);
    else if (arranges(button)) act(event, () => arrange(button), onArranged);
  });
}

// The button would submit the form: without scripts the server does the same.
function act(event, change, onChanged) {
  event.preventDefault();
  if (change()) onChanged();
}

function addsRow(button) {
  return "add" in button.dataset && button.closest("#pools") !== null;
}

function arranges(button) {
  const isMeant = ["move", "remove", "undo"].some((name) => name in button.dataset);
  return isMeant && button.closest("[data-row]") !== null;
}

function arrange(button) {
  const row = button.closest("[data-row]");
  if ("move" in button.dataset) return move(row, Number(button.dataset.move), button);
  return setRemoved(row, "remove" in button.dataset);
}

function addRow(button) {
  const pools = button.closest("#pools");
  const key = `new_${Math.random().toString(36).slice(2, 10)}`;
  const holder = document.createElement("template");
  holder.innerHTML = pools.querySelector("template").innerHTML.replaceAll("__key__", key);
  const row = holder.content.firstElementChild;
  pools.querySelector("[data-rows]").append(row);
  pools.querySelector("[data-none]")?.remove();
  row.querySelector("input:not([type=hidden])").focus();
  return true;
}

// Past the neighbour that is shown; says false at the end of the list.
function move(row, by, focused) {
  const shown = [...row.parentElement.children].filter((other) => !other.classList.contains("removed"));
  const place = shown.indexOf(row) + by;
  const neighbour = shown[place];
  if (!neighbour) return false;
  if (by < 0) neighbour.before(row);
  else neighbour.after(row);
  focused.focus();
  announce(`${row.dataset.name} is now ${place + 1} of ${shown.length}`);
  return true;
}

// A removed row stays in the form, marked, until the save: so it can be brought back.
function setRemoved(row, isRemoved) {
  const form = row.closest("form");
  form.elements[`${row.dataset.row}.removed`].value = isRemoved ? "yes" : "";
  row.classList.toggle("removed", isRemoved);
  row.querySelector(".gone").hidden = !isRemoved;
  row.querySelector(".pool-body").hidden = isRemoved;
  call(row);
  row.querySelector(isRemoved ? "[data-undo]" : "[data-remove]").focus();
  announce(`${row.dataset.name} is ${isRemoved ? "removed" : "back"}`);
  return true;
}

function call(row) {
  for (const name of row.querySelectorAll("[data-called]")) name.textContent = row.dataset.name;
}

// The buttons' names say which row they change.
function rename(control) {
  const row = control.closest("[data-row]");
  const before = row.dataset.name;
  row.dataset.name = control.value.trim() || "New pool";
  call(row);
  for (const button of row.querySelectorAll("button[aria-label]")) {
    button.setAttribute("aria-label", button.getAttribute("aria-label").replace(before, row.dataset.name));
  }
}
