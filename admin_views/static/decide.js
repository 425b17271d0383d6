// What exactly will happen: of the two accounts, now and later, only the one that Effective at asks for stays.
const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?::(\d\d))?)?(?: UTC|Z)?$/;

for (const happens of document.querySelectorAll("[data-effective]")) {
  const input = document.getElementById(happens.dataset.effective);
  input.addEventListener("input", () => showWhatHappens(happens, input.value));
  showWhatHappens(happens, input.value);
}

function showWhatHappens(happens, effectiveAt) {
  const moment = momentOf(effectiveAt);
  const isAhead = moment > new Date();
  const [now, later] = ["now", "later"].map((name) => happens.querySelector(`[data-happens="${name}"]`));
  now.hidden = isAhead;
  later.hidden = !isAhead;
  later.querySelector("[data-moment]").textContent = isAhead ? `: ${written(moment)}` : "";
}

// An invalid date where the text is no moment: it compares as neither ahead nor past.
function momentOf(text) {
  const [, day, minute = "00:00", second = "00"] = MOMENT.exec(text.trim()) ?? [];
  return new Date(`${day}T${minute}:${second}Z`);
}

function written(moment) {
  return `${moment.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
