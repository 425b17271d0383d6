"""The rule for customers' ids, as AVS Brain has it for every id that others make."""

import re

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_DIRECTION = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
_GIVEN_ID = re.compile(rf"[^{_CONTROL}{_DIRECTION}\ud800-\udfff]{{1,200}}")


def is_given_id(text: str) -> bool:
    """1 to 200 characters, none a control or direction character: what AVS Brain takes in usage and in evidence."""
    return _GIVEN_ID.fullmatch(text) is not None


def require_customer_id(customer_id: object) -> None:
    """ValueError for what AVS Brain takes for no customer's id: its use could neither be simulated nor reported."""
    if not isinstance(customer_id, str) or not is_given_id(customer_id):
        raise ValueError(
            f"customer_id is {customer_id!r}: it must be a text of 1 to 200 characters, none of them a control or "
            "direction character"
        )
