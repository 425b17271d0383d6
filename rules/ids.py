"""The rule for ids that others make: of customers, segments, event types, usage events (spec 1).

Customers' systems name things as they like, `auth0|64fe`, `Acme Inc` or `Café`, so every door takes all of them. Ids
that the product makes, or that configs name things by, are narrower: they stand in paths and in ledgers.
"""

import re

MAX_ID_LENGTH = 200
CONTROL_CHARACTERS = r"\x00-\x1f\x7f"
"""The inside of a class of characters that no id has: they break lines, exports and databases."""
GIVEN_ID = rf"[^{CONTROL_CHARACTERS}]{{1,{MAX_ID_LENGTH}}}"
"""The pattern of such an id, for documents too."""
_given_id = re.compile(GIVEN_ID)


def is_given_id(text: str) -> bool:
    """1 to 200 characters, none of them a control character or half a surrogate pair."""
    return _given_id.fullmatch(text) is not None and not any("\ud800" <= character <= "\udfff" for character in text)
