// A running import: says how far it is, and shows what became of it when it is over.
import { poll } from "./poll.js";

const MAX_WAIT = 500;
const box = document.querySelector("[data-progress]");

poll(box.dataset.progress, MAX_WAIT, showProgress);

function showProgress({ state, done, total }) {
  const isOver = state !== "running";
  if (isOver) window.location.reload();
  else drawProgress(done, total);
  return isOver;
}

function drawProgress(done, total) {
  const bar = box.querySelector("progress");
  bar.max = total || 1;
  bar.value = done;
  box.querySelector("[data-done]").textContent = done.toLocaleString("en-US");
  box.querySelector("[data-total]").textContent = total.toLocaleString("en-US");
}
