// The value unit form, livelier: every button here also works as a plain submit.
import { showParts } from "./parts.js";

const ALWAYS_THERE = ["customer_id", "segment", "workspace_id"]; // dimensions of every event
const MONEY = ["avg_cost_per_unit_usd", "target_price_per_unit_usd", "target_margin"];
const FOLLOWS = "follows"; // says of an input event that the value was computed, not typed
const LINE_DELAY = 250;
const MONEY_DELAY = 150;

const byId = (id) => document.getElementById(id);
const form = byId("unit");
const mapping = byId("event_mapping");
const money = byId("unit_economics");

// The margin follows cost and price until it is typed itself; the price follows the margin while it is empty.
const economics = {
  marginFollows: form !== null && form.target_margin.value === "",
  priceFollows: false,
  agree: agree(),
};
const questions = {}; // by the place that shows the answer: the newest one

if (form) start();

function start() {
  form.addEventListener("click", onClick);
  mapping.addEventListener("input", onMapping);
  money.addEventListener("input", onMoney);
  showFieldOfAggregation();
  window.addEventListener("load", () => window.setTimeout(focusAgain));
}

// Chromium takes the focus out of a deep link's target when the page has loaded, unless the target itself has it.
function focusAgain() {
  if (location.hash) window.dispatchEvent(new HashChangeEvent("hashchange"));
}

// Rows and values that a button fills in

function onClick(event) {
  const button = event.target.closest("button");
  const action = button && actionOf(button);
  if (!action) return;
  event.preventDefault();
  action(button);
}

function actionOf(button) {
  if ("add" in button.dataset) return addRow;
  if ("remove" in button.dataset) return removeRow;
  return button.dataset.fill ? fill : null;
}

function addRow(button) {
  const rows = button.closest(".rows");
  const template = rows.querySelector("template");
  template.before(template.content.cloneNode(true));
  numberRows(rows);
  [...rows.querySelectorAll(":scope > .row-edit")].at(-1).querySelector("select").focus();
}

function removeRow(button) {
  const rows = button.closest(".rows");
  button.closest(".row-edit").remove();
  numberRows(rows);
  rows.querySelector("[data-add]").focus();
  rows.dispatchEvent(new Event("input", { bubbles: true }));
}

// Names that a screen reader hears count from 1; the value of a remove button, which the server reads, from 0.
function numberRows(rows) {
  for (const [index, row] of rows.querySelectorAll(":scope > .row-edit").entries()) {
    for (const control of row.querySelectorAll("[aria-label]")) {
      control.setAttribute("aria-label", control.getAttribute("aria-label").replace(/\d+/, index + 1));
    }
    const remove = row.querySelector("[data-remove]");
    remove.value = `${remove.value.slice(0, remove.value.lastIndexOf(":"))}:${index}`;
  }
}

// A suggestion from the documents is used up; the buttons that make the economics agree stay.
function fill(button) {
  const control = byId(button.dataset.fill);
  control.value = button.dataset.value;
  control.focus();
  control.dispatchEvent(new Event("input", { bubbles: true }));
  if (button.closest(".prefill")) button.remove();
}

// The mapping: dimensions follow the event, the live line follows everything

function onMapping({ target }) {
  if (target.name === "event_type") offerDimensions();
  showFieldOfAggregation();
  ask({ place: "live", address: mapping.dataset.live, within: mapping, delay: LINE_DELAY }, async (answer) => {
    showParts({ live: await answer.text() });
  });
}

function offerDimensions() {
  const known = JSON.parse(byId("event-dimensions").textContent);
  const names = [...new Set([...(known[form.event_type.value] ?? []), ...ALWAYS_THERE])];
  const fields = [form.aggregation_field, form.aggregation_minus];
  const selects = [...mapping.querySelectorAll('select[name="filter_dimension"]'), ...fields];
  for (const { content } of mapping.querySelectorAll("template")) selects.push(content.querySelector("select"));
  for (const select of selects) offerIn(select, names);
}

// What was chosen stays chosen, and says so when the event does not have it.
function offerIn(select, names) {
  const chosen = select.value;
  const missing = chosen && !names.includes(chosen) ? [new Option(`${chosen} (not in the catalog)`, chosen)] : [];
  select.replaceChildren(select.options[0], ...missing, ...names.map((name) => new Option(name, name)));
  select.value = chosen;
}

function showFieldOfAggregation() {
  const kind = form.aggregation_type.value;
  form.aggregation_field.closest(".field").hidden = kind === "count";
  form.aggregation_minus.closest(".field").hidden = kind !== "sum";
}

// Economics: of cost, price and margin any two give the third

function onMoney({ target, detail }) {
  if (detail === FOLLOWS || !MONEY.includes(target.name)) return;
  chooseFollower(target);
  const leftOut = follower();
  const question = { place: "agreement", address: money.dataset.economics, within: money, delay: MONEY_DELAY, leftOut };
  ask(question, async (answer) => {
    const { implied, html } = await answer.json();
    if (leftOut && implied[leftOut.name]) follow(leftOut, implied[leftOut.name]);
    showParts({ agreement: html });
    economics.agree = agree();
  });
}

function chooseFollower(typed) {
  const { target_price_per_unit_usd: price, target_margin: margin } = form;
  if (typed === margin) {
    economics.marginFollows = margin.value === "";
    economics.priceFollows ||= price.value === "";
    return;
  }
  if (typed === price) economics.priceFollows = price.value === "";
  const marginIsFree = economics.marginFollows || economics.agree || margin.value === "";
  economics.marginFollows = !economics.priceFollows && marginIsFree;
}

function follower() {
  if (economics.priceFollows) return form.target_price_per_unit_usd;
  return economics.marginFollows ? form.target_margin : null;
}

function agree() {
  return document.querySelector("#agreement .disagrees") === null;
}

// The others hear of it as of anything typed.
function follow(control, value) {
  if (control.value === value) return;
  control.value = value;
  control.dispatchEvent(new CustomEvent("input", { bubbles: true, detail: FOLLOWS }));
}

// One question at a time for each place: a newer one replaces an older one that is still on its way.

function ask(question, show) {
  const { place, delay } = question;
  window.clearTimeout(questions[place]?.timer);
  questions[place]?.controller.abort();
  const controller = new AbortController();
  const timer = window.setTimeout(() => askNow(question, controller.signal, show), delay);
  questions[place] = { timer, controller };
}

async function askNow(question, signal, show) {
  const place = byId(question.place);
  place.setAttribute("aria-busy", "true");
  try {
    const separator = question.address.includes("?") ? "&" : "?";
    const response = await fetch(`${question.address}${separator}${queryOf(question)}`, { signal });
    if (response.ok) await show(response);
  } catch (error) {
    if (error.name === "AbortError") return;
    place.textContent = "The server did not answer; what you typed is still here.";
  }
  place.removeAttribute("aria-busy");
}

// `leftOut` is the control that the answer fills.
function queryOf({ within, leftOut }) {
  const query = new URLSearchParams();
  for (const control of within.querySelectorAll("[name]:not(button)")) {
    if (control !== leftOut) query.append(control.name, control.value);
  }
  if (leftOut) query.append("fill", leftOut.name);
  return query;
}
