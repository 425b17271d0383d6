// The columns of an uploaded file: whatever is chosen for them is tried out at once.
const REDRAWN = ["#fit", "footer.next"];
const columns = document.querySelector("form[data-fit]");
let asked = 0; // counts the questions, so that an answer knows whether a newer one was asked meanwhile

columns.addEventListener("change", tryOut);

async function tryOut() {
  asked += 1;
  const question = asked;
  const data = new FormData(columns);
  data.set("do", "check");
  const answer = await fetch(window.location.pathname, { method: "POST", body: data });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (question === asked) takeOver(page);
}

function takeOver(page) {
  for (const selector of REDRAWN) {
    const fresh = page.querySelector(selector);
    if (fresh) document.querySelector(selector).replaceWith(fresh);
  }
  for (const control of columns.querySelectorAll("select, input")) {
    const fresh = control.id && page.getElementById(control.id);
    if (fresh) takeOverError(control, fresh);
  }
}

// The answer is this page again: a control takes over the error that the fresh one has, or loses its own.
function takeOverError(control, fresh) {
  const id = `${control.id}-error`;
  const text = fresh.ownerDocument.getElementById(id)?.textContent.trim() ?? "";
  const error = document.getElementById(id) ?? (text ? newError(control, id) : null);
  if (error) Object.assign(error, { textContent: text, hidden: !text });
  if (fresh.getAttribute("aria-invalid")) {
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", id);
  } else {
    control.removeAttribute("aria-invalid");
  }
  control.closest("tr")?.classList.toggle("left-out", control.value === "");
}

function newError(control, id) {
  const error = Object.assign(document.createElement("p"), { className: "error", id });
  control.after(error);
  return error;
}
