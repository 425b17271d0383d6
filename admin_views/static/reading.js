// Documents that are being read: the button says so until the next page comes.
import { announce } from "./announce.js";

const form = document.getElementById("read");
const button = form.querySelector('button[type="submit"]');
const label = button.textContent;

form.addEventListener("submit", () => {
  const [first, ...more] = [...form.querySelector('input[type="file"]').files].map(({ name }) => name);
  const others = more.length ? ` and ${more.length} more` : "";
  const status = `Reading ${first ?? "the text"}${others}…`;
  window.setTimeout(() => show(status, true)); // a button that is off would not be sent with the form
  announce(status);
});
window.addEventListener("pageshow", () => show(label, false)); // the way back leads to the page as it was left

function show(text, isBusy) {
  button.textContent = text;
  button.disabled = isBusy;
  form.querySelector("progress").hidden = !isBusy;
  form.setAttribute("aria-busy", isBusy);
}
