// What exactly will happen: of the two accounts, now and later, only the one that Effective at asks for stays.
const FORMATS = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?::(\d\d))?)?(?: UTC|Z)?$/;

function momentOf(text) {
  const found = FORMATS.exec(text.trim());
  return found ? new Date(`${found[1]}T${found[2] ?? "00:00"}:${found[3] ?? "00"}Z`) : null;
}

document.querySelectorAll("[data-effective]").forEach((happens) => {
  const input = document.getElementById(happens.dataset.effective);
  const [now, later] = ["now", "later"].map((name) => happens.querySelector(`[data-happens="${name}"]`));
  const said = later.querySelector("[data-moment]");
  const refresh = () => {
    const moment = momentOf(input.value);
    const ahead = moment !== null && !Number.isNaN(moment.valueOf()) && moment > new Date();
    now.hidden = ahead;
    later.hidden = !ahead;
    said.textContent = ahead ? `: ${moment.toISOString().slice(0, 16).replace("T", " ")} UTC` : "";
  };
  input.addEventListener("input", refresh);
  refresh();
});
