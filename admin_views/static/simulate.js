// A run on its way: ask how far it is, and go on when it has ended.
const box = document.querySelector("[data-run-status]");
const FIRST_WAIT = 300;
const LONGEST_WAIT = 2000;

async function look(wait) {
  try {
    const answer = await fetch(box.dataset.runStatus, { headers: { Accept: "application/json" } });
    if (answer.ok) {
      const { status, seconds, next } = await answer.json();
      if (next) {
        window.location.replace(next);
        return;
      }
      box.querySelector("[data-status]").textContent = status;
      box.querySelector("[data-seconds]").textContent = seconds;
    }
  } catch {
    // The server may be restarting: ask again.
  }
  window.setTimeout(look, wait, Math.min(LONGEST_WAIT, wait * 1.5));
}

if (box) look(FIRST_WAIT);
