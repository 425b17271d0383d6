// When a decision takes effect and what exactly will happen: of all accounts only the one that the choice asks for stays.
const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?::(\d\d))?)?(?: UTC|Z)?$/;

for (const happens of document.querySelectorAll("[data-effective]")) {
  const form = happens.closest("form");
  const input = document.getElementById(happens.dataset.effective);
  const choices = form.elements[happens.dataset.when];
  addPicker(input, choices);
  input.addEventListener("input", () => {
    choices.value = input.value.trim() ? "later" : choices.value;
  });
  const show = () => showWhatHappens(form, happens, input, choices.value);
  form.addEventListener("input", show);
  form.addEventListener("change", show);
  show();
}

function showWhatHappens(form, happens, input, choice) {
  const moment = momentOf(input.value);
  const account = accountOf(choice, input.value.trim(), moment);
  for (const part of happens.querySelectorAll("[data-happens]")) {
    part.hidden = part.dataset.happens !== account;
  }
  const isLater = account === "later";
  happens.querySelector("[data-moment]").textContent = isLater ? `: ${written(moment)}` : "";
  for (const part of happens.querySelectorAll("[data-goes]")) {
    part.hidden = part.dataset.goes !== form.elements[happens.dataset.overNewer].value;
  }
  showOthers(happens, isLater ? moment : new Date());
  const schedule = input.closest("[data-schedule]");
  schedule.hidden = choice !== "later";
  schedule.querySelector("[data-local]").textContent = Number.isNaN(moment.getTime()) ? "" : locally(moment);
}

// now, later, or why neither is meant: what was chosen and what was typed must agree.
function accountOf(choice, text, moment) {
  if (choice !== "later") return "now";
  if (!text) return "empty";
  if (Number.isNaN(moment.getTime())) return "unreadable";
  return moment > new Date() ? "later" : "past";
}

// A version that takes over before this one is replaced by it; of those before it only the last one is.
function showOthers(happens, moment) {
  const others = [...happens.querySelectorAll("[data-other]")];
  const isBefore = (item) => new Date(item.dataset.at) <= moment;
  const replaced = others.filter((item) => item.dataset.other === "replaced" && isBefore(item)).at(-1);
  for (const item of others) {
    item.hidden = item.dataset.other === "replaced" ? item !== replaced : isBefore(item);
  }
}

// The browser's own picker beside the text; it writes what it picked into the text, in UTC.
function addPicker(input, choices) {
  const picker = document.createElement("input");
  picker.type = "datetime-local";
  picker.setAttribute("aria-label", "Pick the moment, in UTC");
  picker.className = "picker";
  picker.addEventListener("input", () => {
    if (picker.value) {
      input.value = picker.value.replace("T", " ");
      choices.value = "later";
    }
  });
  input.after(picker);
}

// An invalid date where the text is no moment, or names a day that its month does not have.
function momentOf(text) {
  const [, day, minute = "00:00", second = "00"] = MOMENT.exec(text.trim()) ?? [];
  const moment = new Date(`${day}T${minute}:${second}Z`);
  const isReal = !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(day);
  return isReal ? moment : new Date(Number.NaN);
}

function written(moment) {
  return `${moment.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function locally(moment) {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const local = moment.toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
  return `${written(moment)} is ${local} in ${timeZone}.`;
}
