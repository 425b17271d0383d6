// The value unit form, livelier: every button here also works as a plain submit.
import { inPlace } from "./in_place.js";

const FOLLOWS = "follows";
const form = document.getElementById("unit");
const mapping = document.getElementById("event_mapping");
const money = document.getElementById("unit_economics");
const field = (id) => document.getElementById(id);

if (form) {
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
  if (!button) return;
  if ("add" in button.dataset) {
    event.preventDefault();
    addRow(button);
  } else if ("remove" in button.dataset) {
    event.preventDefault();
    removeRow(button);
  } else if (button.dataset.fill) {
    event.preventDefault();
    fill(field(button.dataset.fill), button.dataset.value);
    if (button.closest(".prefill")) button.remove();
  }
}

function addRow(button) {
  const rows = button.closest(".rows");
  rows.querySelector("template").before(rows.querySelector("template").content.cloneNode(true));
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

// Names that a screen reader hears count from 1, and a remove button without scripts says which row.
function numberRows(rows) {
  rows.querySelectorAll(":scope > .row-edit").forEach((row, index) => {
    row.querySelectorAll("[aria-label]").forEach((control) => {
      control.setAttribute("aria-label", control.getAttribute("aria-label").replace(/\d+/, index + 1));
    });
    const remove = row.querySelector("[data-remove]");
    remove.value = remove.value.replace(/\d+$/, index);
  });
}

function fill(control, value) {
  control.value = value;
  control.focus();
  control.dispatchEvent(new Event("input", { bubbles: true }));
}

// The mapping: dimensions follow the event, the live line follows everything

function onMapping(event) {
  if (event.target.name === "event_type") offerDimensions();
  showFieldOfAggregation();
  ask("live", mapping.dataset.live, mapping, 250, async (answer) => {
    const line = await answer.text();
    inPlace(() => { field("live").innerHTML = line; });
  });
}

function offerDimensions() {
  const known = JSON.parse(field("event-dimensions").textContent);
  const names = [...new Set([...(known[form.event_type.value] ?? []), "customer_id", "segment", "workspace_id"])];
  const selects = [...mapping.querySelectorAll('select[name="filter_dimension"]'), form.aggregation_field];
  mapping.querySelectorAll("template").forEach((each) => selects.push(each.content.querySelector("select")));
  selects.forEach((select) => offerIn(select, names));
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
}

// Economics: the margin follows cost and price until it is typed itself; the price follows it while it is empty


let marginFollows = form && !form.target_margin.value;
let priceFollows = false;
let agreed = form && !document.querySelector("#agreement .disagrees");

// The others hear of it as of anything typed; here it is no sign that somebody typed it.
function follow(follower, value) {
  if (follower.value === value) return;
  follower.value = value;
  follower.dispatchEvent(new CustomEvent("input", { bubbles: true, detail: FOLLOWS }));
}

function onMoney(event) {
  const name = event.target.name;
  if (event.detail === FOLLOWS) return;
  if (!["avg_cost_per_unit_usd", "target_price_per_unit_usd", "target_margin"].includes(name)) return;
  const { target_price_per_unit_usd: price, target_margin: margin } = form;
  if (name === "target_margin") {
    marginFollows = !margin.value;
    priceFollows = priceFollows || !price.value;
  } else {
    if (name === "target_price_per_unit_usd") priceFollows = !price.value;
    marginFollows = !priceFollows && (marginFollows || agreed || !margin.value);
  }
  const follower = priceFollows ? price : marginFollows ? margin : null;
  ask("agreement", money.dataset.economics, money, 150, async (answer) => {
    const said = await answer.json();
    if (follower && said.implied[follower.name]) follow(follower, said.implied[follower.name]);
    inPlace(() => { field("agreement").innerHTML = said.html; });
    agreed = !document.querySelector("#agreement .disagrees");
  }, follower);
}

// One question at a time for each place: a newer one replaces an older one that is still on its way.
const waiting = {};

function ask(place, address, within, delay, show, leftOut) {
  const mine = waiting[place] ?? {};
  window.clearTimeout(mine.timer);
  mine.controller?.abort();
  const controller = new AbortController();
  const timer = window.setTimeout(async () => {
    const query = new URLSearchParams();
    within.querySelectorAll("[name]:not(button)").forEach((control) => {
      if (control !== leftOut) query.append(control.name, control.value);
    });
    if (leftOut) query.append("fill", leftOut.name);
    field(place).setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`${address}?${query}`, { signal: controller.signal });
      if (answer.ok) await show(answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      field(place).textContent = "The server did not answer; what you typed is still here.";
    }
    field(place).removeAttribute("aria-busy");
  }, delay);
  waiting[place] = { timer, controller };
}
