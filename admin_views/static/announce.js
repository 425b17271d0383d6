// Says something to those who cannot see it happen.
export function announce(text) {
  document.getElementById("said").textContent = text;
}
