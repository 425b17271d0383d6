"""An LLM call, whose cost is known only afterwards: reserve the most it can come to, commit what it did.

    pip install ./clients/python
    AVS_URL=http://127.0.0.1:5000 AVS_UNIT=vu_usable_hd_minute python examples/llm_call.py cust_2001 "Tell me a story"

`complete` stands where your model is called; it counts words as tokens, so that this runs anywhere.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from avs_brain_client import Client, Decision

UNIT = os.environ.get("AVS_UNIT", "vu_token")


@dataclass(frozen=True)
class Reply:
    """What a model answers."""

    text: str
    tokens: int


class Refused(Exception):
    """The rails do not let this call begin."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.reason_code)
        self.decision = decision


def metered_call(
    client: Client, customer_id: str, prompt: str, call: Callable[[str, int, str], Reply], most_tokens: int = 500
) -> Reply:
    """Call the model within what the customer may use.

    A cheaper model takes over where the rails ask for it. A call that fails costs the customer nothing.
    """
    reservation = client.reserve(customer_id, UNIT, most_tokens)
    decision = reservation.decision
    if not decision.allow:
        raise Refused(decision)
    model = "small" if decision.action in ("degrade_quality", "throttle") else "large"
    try:
        reply = call(prompt, most_tokens, model)
    except BaseException:
        client.release(reservation)
        raise
    client.commit(reservation, reply.tokens)
    return reply


def complete(prompt: str, most_tokens: int, model: str) -> Reply:
    """Not a model: says the prompt again."""
    words = prompt.split()[:most_tokens]
    return Reply(f"[{model}] " + " ".join(words), len(words))


def main(customer_id: str, prompt: str) -> None:
    with Client(
        os.environ.get("AVS_URL", "http://127.0.0.1:5000"),
        workspace_id=os.environ.get("AVS_WORKSPACE", "ws_1049"),
        segment=os.environ.get("AVS_SEGMENT", "ai_video_smb"),
        stage=os.environ.get("AVS_STAGE", "learning"),
        directory=os.environ.get("AVS_DIRECTORY", "avs-data"),
        token=os.environ.get("AVS_API_TOKEN"),
    ) as client:
        client.wait_until_loaded(5)
        print(metered_call(client, customer_id, prompt, complete, most_tokens=5).text)
        print(client.check(customer_id, UNIT))


if __name__ == "__main__":
    main(*sys.argv[1:3])
