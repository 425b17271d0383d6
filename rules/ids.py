"""The rule for ids that others make: of customers, segments, event types, usage events (spec 1).

Customers' systems name things as they like, `auth0|64fe`, `Acme Inc` or `Café`, so every door takes all of them. Ids
that the product makes, or that configs name things by, are narrower: they stand in paths and in ledgers.
"""

import re

from rules.texts import UNFIT

MAX_ID_LENGTH = 200
GIVEN_ID = rf"[^{UNFIT}]{{1,{MAX_ID_LENGTH}}}"
"""The pattern of such an id, for documents too."""
GIVEN_ID_RULE = f"1 to {MAX_ID_LENGTH} characters without control or direction characters"
OWN_ID = rf"[A-Za-z0-9_][A-Za-z0-9_.:@+~-]{{0,{MAX_ID_LENGTH - 1}}}"
"""The pattern of an id that the product makes, or that configs name things by."""
OWN_ID_RULE = "1 to 200 letters, digits or any of _ . : @ + ~ - (the first a letter, a digit or _)"
_given_id, _own_id = re.compile(GIVEN_ID), re.compile(OWN_ID)


def is_given_id(text: str) -> bool:
    """1 to 200 characters, no control or direction character among them (`rules.texts`), and no half of a pair."""
    return _given_id.fullmatch(text) is not None and not any("\ud800" <= character <= "\udfff" for character in text)


def is_own_id(text: str) -> bool:
    """1 to 200 letters, digits and `_ . : @ + ~ -`, safe in a path; the first is a letter, a digit or `_`."""
    return _own_id.fullmatch(text) is not None
