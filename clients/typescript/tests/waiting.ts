/** Waits until something is so; an error when it is not within 30 seconds. */
export async function eventually(isSo: () => boolean | Promise<boolean>, seconds = 30): Promise<void> {
  const until = Date.now() + seconds * 1000;
  while (!(await isSo())) {
    if (Date.now() > until) {
      throw new Error(`Not so within ${seconds} s: ${isSo}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
