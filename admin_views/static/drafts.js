// Drafts that save themselves. The page works without this: every button here is a plain submit as well.
import { inPlace } from "./in_place.js";

const form = document.querySelector("form[data-autosave], form[data-preview]");
const QUIET = 1200, SOON = 250, LIVE = 150, PATIENCE = 30_000;
const touched = new Set();
let typed = 0; // counts what was typed, so that a save knows whether more came while it was away
let saved = 0;
let failures = 0;
let halted = false;
let leaving = false;
let lost = null; // a body whose answer never came: it goes again before anything newer, so that no save overtakes itself
let timer, previewTimer, previewing, underway;

if (form) {
  document.querySelectorAll(".script-off").forEach((button) => { button.hidden = true; });
  form.addEventListener("input", onInput);
  form.addEventListener("change", (event) => { touched.add(event.target.name); if (dirty()) schedule(SOON); });
  form.addEventListener("focusout", (event) => { if (event.target.value) touched.add(event.target.name); });
  form.addEventListener("click", onClick);
  form.addEventListener("keydown", onKey);
  form.addEventListener("submit", onSubmit);
  document.addEventListener("click", onLink);
  document.addEventListener("submit", onOtherSubmit);
  document.addEventListener("visibilitychange", () => { if (document.hidden && dirty() && !leaving) save({ keepalive: true }); });
  window.addEventListener("online", () => { if (dirty()) schedule(0); });
  window.addEventListener("beforeunload", (event) => { if (dirty() && !leaving) event.preventDefault(); });
  form.querySelectorAll("[aria-invalid]").forEach((control) => touched.add(control.name));
  if (form.hasAttribute("data-unsaved")) changed(SOON);
}

function dirty() {
  return form.hasAttribute("data-autosave") && typed > saved;
}

function onInput(event) {
  if (event.target.name?.endsWith(".label")) rename(event.target);
  changed(QUIET);
}

function changed(wait) {
  typed += 1;
  window.clearTimeout(previewTimer);
  if (form.hasAttribute("data-preview")) previewTimer = window.setTimeout(preview, LIVE);
  if (dirty() && !halted) {
    say("Not saved yet");
    schedule(wait);
  }
}

// Saving in the background

function schedule(wait) {
  if (halted) return;
  window.clearTimeout(timer);
  timer = window.setTimeout(() => save(), wait);
}

function save(options = {}) {
  window.clearTimeout(timer);
  if (halted || !dirty()) return underway ?? Promise.resolve();
  underway = (underway ?? Promise.resolve()).then(() => (halted || !dirty() ? null : attempt(options)));
  const mine = underway;
  mine.finally(() => { if (underway === mine) underway = undefined; });
  return mine;
}

async function attempt(options) {
  const at = lost?.at ?? typed;
  const body = lost?.body ?? new URLSearchParams(new FormData(form));
  say("Saving…");
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Autosave": "1" }, ...options });
    if (answer.status >= 500) throw new Error("the server failed");
    lost = null;
    if (answer.headers.get("Content-Type")?.includes("json")) take(answer, await answer.json(), at);
    else halt("The server refused it.");
  } catch {
    lost = { at, body };
    say("Not saved: the server cannot be reached. Everything typed is still here; trying again.", "bad");
    retry();
  }
}

function retry() {
  failures += 1;
  schedule(Math.min(PATIENCE, 500 * 2 ** failures));
}

function take(answer, told, at) {
  for (const [name, value] of Object.entries(told.values ?? {})) if (form.elements[name]) form.elements[name].value = value;
  if (answer.ok) {
    failures = 0;
    form.elements.row_version.value = told.row_version;
    saved = Math.max(saved, at);
    say(dirty() ? "Not saved yet" : `Saved ${told.saved_at}`);
    showErrors({});
    document.getElementById("problems")?.remove();
    stay(told.address);
    if (dirty()) schedule(SOON);
  } else if (told.code === "csrf_failed") {
    retry(); // with the token that came along
  } else if (answer.status === 422) {
    showErrors(told.errors);
    say(`Not saved yet: ${told.detail}`, "bad");
  } else {
    halt(answer.status === 412 ? "Another operator changed this meanwhile." : told.detail);
  }
  if (answer.ok || answer.status === 422) showParts(told.parts);
}

// A page that a button sent for can be reloaded again, and a record that the save made has an address of its own.
function stay(address) {
  form.action = address;
  history.replaceState(null, "", new URL(form.action).search === location.search ? location.href : address);
}

// Only the operator can say how it goes on: the button sends the whole form, and the page that comes back shows all.
function halt(reason) {
  halted = true;
  const button = document.createElement("button");
  Object.assign(button, { className: "button", name: "do", value: "save", textContent: "Compare and decide" });
  button.setAttribute("form", form.id);
  say(`Not saved: ${reason} `, "bad").append(button);
}

function say(text, kind = "") {
  const place = document.querySelector("[data-saved]");
  place.textContent = text;
  place.classList.toggle("bad", kind === "bad");
  return place;
}

function showErrors(errors) {
  form.querySelectorAll(".error").forEach((place) => { place.hidden = true; place.textContent = ""; });
  form.querySelectorAll("[aria-invalid]").forEach((control) => control.removeAttribute("aria-invalid"));
  for (const [name, texts] of Object.entries(errors)) {
    const control = form.elements[name];
    const place = form.querySelector(`[data-error-of="${CSS.escape(name)}"]`) ?? control?.closest?.(".field")?.querySelector(".error");
    if (!place || (control?.name && !touched.has(name))) continue;
    place.textContent = texts.join(" ");
    place.hidden = false;
    control?.setAttribute?.("aria-invalid", "true");
  }
}

// What the page says about the values as they are typed

async function preview() {
  previewing?.abort();
  previewing = new AbortController();
  const body = new URLSearchParams(new FormData(form));
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Preview": "1" }, signal: previewing.signal });
    if (answer.ok) showParts((await answer.json()).parts);
  } catch {
    // the next one will come through, or saving says that the server cannot be reached
  }
}

function showParts(parts) {
  inPlace(() => {
    for (const [id, html] of Object.entries(parts ?? {})) {
      const place = document.getElementById(id);
      if (place && place.innerHTML !== html) place.innerHTML = html;
    }
  });
}

// Leaving: the save goes first; what could not be saved makes the browser ask

function onSubmit(event) {
  if (underway) {
    event.preventDefault();
    const { submitter } = event;
    underway.then(() => form.requestSubmit(submitter));
    return;
  }
  leaving = true;
  window.clearTimeout(timer);
}

function onLink(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || link.target) return;
  if ("leave" in link.dataset) leaving = true;
  const elsewhere = link.origin === location.origin && link.pathname + link.search !== location.pathname + location.search;
  if (!dirty() || leaving || halted || !elsewhere) return;
  event.preventDefault();
  save().then(() => { location.href = link.href; });
}

// A button of another form, such as one that copies the record, wants what is stored to be what is shown.
function onOtherSubmit(event) {
  if (event.target === form || !dirty() || halted) return;
  event.preventDefault();
  const { submitter } = event;
  save().then(() => { if (!dirty()) event.target.requestSubmit(submitter); });
}

// Rows that come, move and go

function onClick(event) {
  const button = event.target.closest("button");
  if (!button) return;
  const row = button.closest("[data-row]");
  if ("add" in button.dataset && button.closest("#pools")) addRow(event, button);
  else if (row && "move" in button.dataset) move(event, row, Number(button.dataset.move), button);
  else if (row && "remove" in button.dataset) setRemoved(event, row, true);
  else if (row && "undo" in button.dataset) setRemoved(event, row, false);
}

function onKey(event) {
  const row = event.target.closest("[data-row]");
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (row && by && event.altKey) move(event, row, by, event.target);
}

function addRow(event, button) {
  event.preventDefault();
  const place = button.closest("#pools");
  const key = `new_${Math.random().toString(36).slice(2, 10)}`;
  const holder = document.createElement("template");
  holder.innerHTML = place.querySelector("template").innerHTML.replaceAll("__key__", key);
  const row = holder.content.firstElementChild;
  place.querySelector("[data-rows]").append(row);
  place.querySelector("[data-none]")?.remove();
  row.querySelector("input:not([type=hidden])").focus();
  changed(QUIET);
}

function move(event, row, by, focused) {
  event.preventDefault();
  const shown = [...row.parentElement.children].filter((other) => !other.classList.contains("removed"));
  const other = shown[shown.indexOf(row) + by];
  if (!other) return;
  if (by < 0) other.before(row);
  else other.after(row);
  focused.focus();
  document.getElementById("said").textContent = `${row.dataset.name} is now ${shown.indexOf(row) + by + 1} of ${shown.length}`;
  changed(SOON);
}

function setRemoved(event, row, removed) {
  event.preventDefault();
  form.elements[`${row.dataset.row}.removed`].value = removed ? "yes" : "";
  row.classList.toggle("removed", removed);
  row.querySelector(".gone").hidden = !removed;
  row.querySelector(".pool-body").hidden = removed;
  row.querySelector("[data-called]").textContent = row.dataset.name;
  row.querySelector(removed ? "[data-undo]" : "[data-remove]").focus();
  document.getElementById("said").textContent = `${row.dataset.name} is ${removed ? "taken out" : "back"}`;
  changed(SOON);
}

function rename(control) {
  const row = control.closest("[data-row]");
  const before = row.dataset.name;
  row.dataset.name = control.value.trim() || "New pool";
  row.querySelectorAll("button[aria-label]").forEach((button) => {
    button.setAttribute("aria-label", button.getAttribute("aria-label").replace(before, row.dataset.name));
  });
}
