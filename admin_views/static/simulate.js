// A run on its way: says how far it is, and goes on to its review when it has ended.
import { poll } from "./poll.js";

const MAX_WAIT = 2000;
const box = document.querySelector("[data-run-status]");

if (box) poll(box.dataset.runStatus, MAX_WAIT, showRun);

function showRun({ status, seconds, next }) {
  if (next) {
    window.location.replace(next);
    return true;
  }
  box.querySelector("[data-status]").textContent = status;
  box.querySelector("[data-seconds]").textContent = seconds;
  return false;
}
