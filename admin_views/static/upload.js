// A file on its way: shows how far it has come; one that is too large is refused before it is sent.
const SHOWN_AFTER = 400; // a quick upload needs no progress bar
const MIB = 2 ** 20;

for (const form of document.querySelectorAll("form.upload")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const problem = problemOf(form);
    showProblem(form, problem);
    if (!problem) send(form);
  });
}

function fileInput(form) {
  return form.querySelector('input[type="file"]');
}

function problemOf(form) {
  const [file] = fileInput(form).files;
  const mostBytes = Number(form.dataset.mostBytes);
  if (!file) return "Choose a file first.";
  if (file.size <= mostBytes) return "";
  return `This file is larger than ${mostBytes / MIB} MiB. Split it, or import it with avs usage import FILE.`;
}

function showProblem(form, problem) {
  const input = fileInput(form);
  const error = document.getElementById(`${input.id}-error`);
  Object.assign(error, { textContent: problem, hidden: !problem });
  if (problem) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  input.setAttribute("aria-describedby", `${input.id}-hint${problem ? ` ${error.id}` : ""}`);
  if (problem) input.focus();
}

// `fetch` does not tell how much was sent, so it is the older request.
function send(form) {
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  const ended = showProgress(form, request.upload);
  request.addEventListener("loadend", () => {
    ended();
    if (request.status >= 200 && request.status < 300) window.location.assign(request.responseURL);
    else showProblem(form, refusal(form, request));
  });
  request.send(new FormData(form));
}

// Returns what to do when the upload has ended.
function showProgress(form, upload) {
  const bar = form.querySelector("progress");
  const button = form.querySelector("button");
  const timer = window.setTimeout(() => Object.assign(bar, { hidden: false }), SHOWN_AFTER);
  button.disabled = true;
  upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
  });
  return () => {
    window.clearTimeout(timer);
    bar.hidden = true;
    button.disabled = false;
  };
}

// The answer of a refused upload is this page again, with the error at its field.
function refusal(form, request) {
  const page = new DOMParser().parseFromString(request.responseText || "", "text/html");
  const [atField, atTop] = [`#${fileInput(form).id}-error`, ".summary p"].map((place) => page.querySelector(place));
  return atField?.textContent.trim() || atTop?.textContent.trim() || "The server could not be reached: send it again.";
}
