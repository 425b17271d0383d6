const FIRST_WAIT = 300;
const SLOWER = 1.5;

// Asks an address again and again, ever slower, until `show` says that its answer was the last one.
export async function poll(address, longestWait, show, wait = FIRST_WAIT) {
  const answer = await answerOf(address);
  const isOver = answer !== null && show(answer);
  if (!isOver) window.setTimeout(poll, wait, address, longestWait, show, Math.min(longestWait, wait * SLOWER));
}

// An answer that does not come is null and no end: the server may be restarting.
async function answerOf(address) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
