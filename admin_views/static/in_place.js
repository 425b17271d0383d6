// What a page fills in while somebody types must not push the focused field away, nor beneath a bar that sticks.
document.documentElement.style.overflowAnchor = "none"; // the browser's own way holds what is on top instead

export function inPlace(change) {
  const focused = document.activeElement;
  const before = focused.getBoundingClientRect().top;
  change();
  if (focused.isConnected && focused !== document.body) {
    scrollBy({ top: focused.getBoundingClientRect().top - before, behavior: "instant" });
  }
}
