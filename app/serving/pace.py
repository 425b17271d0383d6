"""How slow a client may be."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")

MIN_BYTES_PER_SECOND = 4_096
"""Below this on the whole a client is given up, however often it shows a sign of life."""


class Pace:
    """The time that one client has left to send its body, or to take its answer.

    No step may take longer than `grace` seconds, nor all steps together longer than that and a second for every
    MIN_BYTES_PER_SECOND that were moved. What the product takes for its work counts for nobody.
    """

    def __init__(self, grace: float) -> None:
        self._grace = self._left = grace

    async def within(self, step: Awaitable[Result]) -> Result:
        """The result of a step that waits for the client. Raises TimeoutError when the client is too slow."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(max(min(self._grace, self._left), 0)):
            result = await step
        self._left -= loop.time() - began
        return result

    def moved(self, size: int) -> None:
        """Note that so many bytes came from the client or went to it."""
        self._left += size / MIN_BYTES_PER_SECOND
