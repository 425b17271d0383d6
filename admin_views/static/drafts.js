// Drafts that save themselves. The page works without this: every button here is a plain submit as well.
import { showParts } from "./parts.js";
import { startRows } from "./pool_rows.js";

const QUIET = 1200;
const SOON = 250;
const LIVE = 150;
const FIRST_RETRY = 500;
const MAX_RETRY = 30_000;

const OPEN = "open"; // what is typed is saved in a moment
const HALTED = "halted"; // only the operator can say how it goes on; nothing is saved until then
const LEAVING = "leaving"; // a button or a link takes the page away on purpose: nobody is asked

const form = document.querySelector("form[data-autosave], form[data-preview]");
const draft = {
  phase: OPEN,
  touched: new Set(), // names of the controls that may show their errors
  typed: 0, // counts what was typed, so that a save knows whether more came while it was away
  saved: 0, // how much of that is stored
  failures: 0, // saves in a row that the server did not take
  unanswered: null, // a save whose answer never came: it goes again before anything newer, so that none overtakes it
  saving: null, // settles when the saves asked for so far are through
  saveTimer: 0,
  previewTimer: 0,
  preview: new AbortController(), // of the newest question
};

if (form) start();

function start() {
  for (const button of document.querySelectorAll(".script-off")) button.hidden = true;
  startRows(
    form,
    () => changed(QUIET),
    () => changed(SOON),
  );
  followTyping();
  followLeaving();
  for (const control of form.querySelectorAll("[aria-invalid]")) draft.touched.add(control.name);
  if (form.hasAttribute("data-unsaved")) changed(SOON);
}

function isDirty() {
  return form.hasAttribute("data-autosave") && draft.typed > draft.saved;
}

// Typing

function followTyping() {
  form.addEventListener("input", () => changed(QUIET));
  form.addEventListener("change", ({ target }) => {
    draft.touched.add(target.name);
    if (isDirty()) schedule(SOON);
  });
  form.addEventListener("focusout", ({ target }) => {
    if (target.value) draft.touched.add(target.name);
  });
}

function changed(wait) {
  draft.typed += 1;
  window.clearTimeout(draft.previewTimer);
  if (form.hasAttribute("data-preview")) draft.previewTimer = window.setTimeout(preview, LIVE);
  if (!isDirty() || draft.phase === HALTED) return;
  say("Not saved yet");
  schedule(wait);
}

// What the page says about the values as they are typed
async function preview() {
  draft.preview.abort();
  draft.preview = new AbortController();
  try {
    const answer = await send(content(), { headers: { "X-Preview": "1" }, signal: draft.preview.signal });
    if (answer.ok) showParts((await answer.json()).parts);
  } catch {
    // The next question will come through, or saving says that the server cannot be reached.
  }
}

function content() {
  return new URLSearchParams(new FormData(form));
}

function send(body, options) {
  return fetch(form.action, { method: "POST", body, ...options });
}

// Saving in the background: one save at a time, each with everything typed up to then

function schedule(wait) {
  if (draft.phase === HALTED) return;
  window.clearTimeout(draft.saveTimer);
  draft.saveTimer = window.setTimeout(save, wait);
}

function needsSave() {
  return draft.phase !== HALTED && isDirty();
}

function save(options = {}) {
  window.clearTimeout(draft.saveTimer);
  if (!needsSave()) return draft.saving ?? Promise.resolve();
  const before = draft.saving ?? Promise.resolve();
  const saving = before.then(() => (needsSave() ? attempt(options) : null));
  draft.saving = saving;
  saving.finally(() => {
    if (draft.saving === saving) draft.saving = null;
  });
  return saving;
}

async function attempt(options) {
  const sent = draft.unanswered ?? { typed: draft.typed, body: content() };
  say("Saving…");
  try {
    const answer = await send(sent.body, { headers: { "X-Autosave": "1" }, ...options });
    if (answer.status >= 500) throw new Error("the server failed");
    draft.unanswered = null;
    if (answer.headers.get("Content-Type")?.includes("json")) take(answer, await answer.json(), sent.typed);
    else halt("The server refused it.");
  } catch {
    draft.unanswered = sent;
    say("Not saved: the server cannot be reached. Everything typed is still here; trying again.", "bad");
    retry();
  }
}

function retry() {
  draft.failures += 1;
  schedule(Math.min(MAX_RETRY, FIRST_RETRY * 2 ** draft.failures));
}

function take(answer, result, typed) {
  for (const [name, value] of Object.entries(result.values ?? {})) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  if (answer.ok) takeSaved(result, typed);
  else if (result.code === "csrf_failed")
    retry(); // with the token that came along
  else if (answer.status === 422) takeErrors(result);
  else halt(answer.status === 412 ? "Another operator changed this meanwhile." : result.detail);
  if (answer.ok || answer.status === 422) showParts(result.parts);
}

function takeSaved(result, typed) {
  draft.failures = 0;
  draft.saved = Math.max(draft.saved, typed);
  form.elements.row_version.value = result.row_version;
  say(isDirty() ? "Not saved yet" : `Saved ${result.saved_at}`);
  showErrors({});
  document.getElementById("problems")?.remove();
  stay(result.address);
  if (isDirty()) schedule(SOON);
}

function takeErrors(result) {
  showErrors(result.errors);
  say(`Not saved yet: ${result.detail}`, "bad");
}

// A page that a button sent for can be reloaded again, and a record that the save made has an address of its own.
function stay(address) {
  form.action = address;
  const isHere = new URL(form.action).search === location.search;
  history.replaceState(null, "", isHere ? location.href : address);
}

// The button sends the whole form, and the page that comes back shows both versions.
function halt(reason) {
  draft.phase = HALTED;
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

// Errors of fields that were not touched wait: nobody is scolded for what they have not come to yet.
function showErrors(errors) {
  for (const place of form.querySelectorAll(".error")) Object.assign(place, { hidden: true, textContent: "" });
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  for (const [name, texts] of Object.entries(errors)) {
    const control = form.elements[name];
    const isWaiting = control?.name && !draft.touched.has(name);
    if (!isWaiting) showError(name, control, texts.join(" "));
  }
}

// `control` may be one, several of one name, or none: rows have one place for what is wrong with them.
function showError(name, control, text) {
  const place =
    form.querySelector(`[data-error-of="${CSS.escape(name)}"]`) ??
    control?.closest?.(".field")?.querySelector(".error");
  if (!place) return;
  Object.assign(place, { hidden: false, textContent: text });
  control?.setAttribute?.("aria-invalid", "true");
}

// Leaving: the save goes first; what could not be saved makes the browser ask

function followLeaving() {
  form.addEventListener("submit", onSubmit);
  document.addEventListener("click", onLink);
  document.addEventListener("submit", onOtherSubmit);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && isDirty() && draft.phase !== LEAVING) save({ keepalive: true });
  });
  window.addEventListener("online", () => {
    if (isDirty()) schedule(0);
  });
  window.addEventListener("beforeunload", (event) => {
    if (isDirty() && draft.phase !== LEAVING) event.preventDefault();
  });
}

// A save on its way is let through first: the submit then has the newest row version.
function onSubmit(event) {
  if (draft.saving) {
    event.preventDefault();
    const { submitter } = event;
    draft.saving.then(() => form.requestSubmit(submitter));
  } else {
    draft.phase = LEAVING;
    window.clearTimeout(draft.saveTimer);
  }
}

function onLink(event) {
  const link = event.target.closest("a[href]");
  if (!link || isForAnotherTab(event, link)) return;
  if ("leave" in link.dataset) draft.phase = LEAVING;
  if (draft.phase !== OPEN || !isDirty() || !leavesPage(link)) return;
  event.preventDefault();
  save().then(() => {
    location.href = link.href;
  });
}

function isForAnotherTab(event, link) {
  return event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || link.target !== "";
}

function leavesPage(link) {
  const isOfSite = link.origin === location.origin;
  return isOfSite && link.pathname + link.search !== location.pathname + location.search;
}

// A button of another form, such as one that copies the record, wants what is stored to be what is shown.
function onOtherSubmit(event) {
  if (event.target === form || !needsSave()) return;
  event.preventDefault();
  const { submitter } = event;
  save().then(() => {
    if (!isDirty()) event.target.requestSubmit(submitter);
  });
}
