"""A setting that is documented is one that starts know: another name is said to be none."""

import re

from app.config import SETTINGS
from tests.docs.pages import text_of


def test_every_documented_setting_is_known_to_the_start() -> None:
    documented = set(re.findall(r"`(AVS_[A-Z_]+)", text_of("docs/configuration.md")))
    assert documented <= set(SETTINGS)
