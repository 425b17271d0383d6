"use strict";

// A file on its way shows how far it has come; one that is too large is said so before it is sent.
document.querySelectorAll("form.upload").forEach((form) => {
  form.addEventListener("submit", (event) => {
    const input = form.querySelector('input[type="file"]');
    const file = input.files[0];
    const problem = !file ? "Choose a file first." : file.size > Number(form.dataset.mostBytes) ? tooLarge(form) : "";
    say(input, problem);
    event.preventDefault();
    if (!problem) send(form);
  });
});

function tooLarge(form) {
  return `This file is larger than ${Number(form.dataset.mostBytes) / 2 ** 20} MiB. Split it, or import it with avs usage import FILE.`;
}

function say(input, problem) {
  const error = document.getElementById(`${input.id}-error`);
  error.textContent = problem;
  error.hidden = !problem;
  if (problem) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  input.setAttribute("aria-describedby", `${input.id}-hint${problem ? ` ${error.id}` : ""}`);
  if (problem) input.focus();
}

function send(form) {
  const bar = form.querySelector("progress");
  const button = form.querySelector("button");
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
  });
  const shown = window.setTimeout(() => { bar.hidden = false; }, 400);
  button.disabled = true;
  request.addEventListener("loadend", () => {
    window.clearTimeout(shown);
    bar.hidden = true;
    button.disabled = false;
    if (request.status >= 200 && request.status < 300) window.location.assign(request.responseURL);
    else say(form.querySelector('input[type="file"]'), refusal(request, form));
  });
  request.send(new FormData(form));
}

// The answer of a refused upload is this page again, with the error at its field.
function refusal(request, form) {
  const id = `${form.querySelector('input[type="file"]').id}-error`;
  const answer = new DOMParser().parseFromString(request.responseText || "", "text/html");
  return answer.getElementById(id)?.textContent || answer.querySelector(".summary p")?.textContent || "The server could not be reached: send it again.";
}

// Whatever is chosen for the columns is tried out at once.
const columns = document.querySelector("form[data-fit]");
let newest = 0;
columns?.addEventListener("change", async () => {
  const mine = ++newest;
  const data = new FormData(columns);
  data.set("do", "check");
  const answer = await fetch(window.location.pathname, { method: "POST", body: data });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== newest) return;
  for (const selector of ["#fit", "footer.next"]) {
    const fresh = page.querySelector(selector);
    if (fresh) document.querySelector(selector).replaceWith(fresh);
  }
  columns.querySelectorAll("select, input").forEach((control) => sayAt(control, page));
});

function sayAt(control, page) {
  const there = control.id && page.getElementById(control.id);
  if (!there) return;
  const id = `${control.id}-error`;
  const text = page.getElementById(id)?.textContent ?? "";
  let error = document.getElementById(id);
  if (!error && text) {
    error = Object.assign(document.createElement("p"), { className: "error", id });
    control.after(error);
  }
  if (error) {
    error.textContent = text;
    error.hidden = !text;
  }
  if (there.getAttribute("aria-invalid")) {
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", id);
  } else control.removeAttribute("aria-invalid");
  control.closest("tr")?.classList.toggle("left-out", control.value === "");
}

// A running import: look until it is over, then show what became of it.
const watched = document.querySelector("[data-progress]");
if (watched) window.setTimeout(look, 300);

async function look() {
  const answer = await fetch(watched.dataset.progress).catch(() => null);
  const told = answer?.ok ? await answer.json() : null;
  if (told && told.state !== "running") {
    window.location.reload();
    return;
  }
  if (told) {
    const bar = watched.querySelector("progress");
    bar.max = told.total || 1;
    bar.value = told.done;
    watched.querySelector("[data-done]").textContent = told.done.toLocaleString("en-US");
    watched.querySelector("[data-total]").textContent = told.total.toLocaleString("en-US");
  }
  window.setTimeout(look, 500);
}
