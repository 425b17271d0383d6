"""The rule for customers' ids, as AVS Brain has it for every id that others make."""

import re

_GIVEN_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")


def is_given_id(text: str) -> bool:
    """1 to 200 characters, none of them a control character: what AVS Brain takes in usage and in evidence alike."""
    return _GIVEN_ID.fullmatch(text) is not None
