// Parts of the page that the server draws anew while somebody types.

// What has the focus holds its place, not what is on top, as the browser's own way would have it.
document.documentElement.style.overflowAnchor = "none";

// Puts each part's markup into the element of its id; a focused field is pushed neither away nor beneath a sticking bar.
export function showParts(parts) {
  const focused = document.activeElement;
  const top = focused.getBoundingClientRect().top;
  for (const [id, html] of Object.entries(parts ?? {})) replace(document.getElementById(id), html);
  if (focused.isConnected && focused !== document.body) {
    scrollBy({ top: focused.getBoundingClientRect().top - top, behavior: "instant" });
  }
}

// A part that says the same already stays: what has the focus in it keeps it, and a screen reader is not told it again.
function replace(place, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  if (place && place.innerHTML.trim() !== fresh.innerHTML.trim()) place.replaceChildren(fresh.content);
}
