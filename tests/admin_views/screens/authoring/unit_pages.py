"""What the tests of flow 2A share: a browser that reads a unit's form, changes it and sends it."""

import re
from collections.abc import Mapping
from html import unescape

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app.models.base import db
from app.models.value_unit import ValueUnitDefinition
from app.services.authoring import contexts
from app.services.authoring.inputs import ContextInput
from app.services.authoring.unit_review import units_of
from tests import factories

UNITS = f"/cycles/{factories.CYCLE}/value-units"
HD = f"{UNITS}?unit=vu_hd_minute"


def typed_in(page: str) -> MultiDict[str, str]:
    """What a browser would send of the unit's form as it stands."""
    form = page[page.index('id="unit"') : page.index("</form>", page.index('id="unit"'))]
    form = re.sub(r"<template>.*?</template>", "", form, flags=re.DOTALL)
    sent: MultiDict[str, str] = MultiDict()
    for control in re.finditer(r"<(input|select|textarea)\b([^>]*)>(?:(.*?)</\1>)?", form, re.DOTALL):
        name = re.search(r'name="([^"]+)"', control[2])
        value = re.search(r'value="([^"]*)"', control[2])
        if name is None or ('type="checkbox"' in control[2] and "checked" not in control[2]):
            continue
        text = value[1] if value else ""
        if control[1] == "select":
            chosen = re.search(r'<option selected value="([^"]*)"|<option value="([^"]*)" selected', control[3] or "")
            text = next((item for item in chosen.groups() if item is not None), "") if chosen else ""
        elif control[1] == "textarea":
            text = (control[3] or "").removeprefix("\r\n")
        sent.add(name[1], unescape(text))
    return sent


def send(client: FlaskClient, address: str = HD, **changes: str | list[str]) -> TestResponse:
    """Open the unit, change controls (a list replaces all rows of one) and press a button, `do="save"` by default."""
    return client.post(address, data=changed(typed_in(client.get(address).text), **changes))


def changed(sent: MultiDict[str, str], **changes: str | list[str]) -> MultiDict[str, str]:
    sent = MultiDict(sent)
    for name, value in ({"do": "save"} | changes).items():
        sent.setlist(name, value if isinstance(value, list) else [value])
    return sent


def unit(value_unit_id: str = "vu_hd_minute") -> ValueUnitDefinition:
    db.session.rollback()
    found = db.session.get(ValueUnitDefinition, value_unit_id)
    assert found is not None
    return found


def only_new() -> ValueUnitDefinition:
    db.session.rollback()
    units = units_of(db.session, factories.CYCLE)
    return next(item for item in units if item.value_unit_id not in ("vu_hd_minute", "vu_draft_export"))


def accept(*cards: Mapping[str, str]) -> None:
    """Cards that were read from a document of the cycle and accepted."""
    full = [{"sentence": "A sentence.", "source": "pitch.md", "state": "accepted", **card} for card in cards]
    data: ContextInput = {"workspace_id": factories.WORKSPACE, "cycle_id": factories.CYCLE, "extracted_cards": full}
    contexts.create_context(db.session, data, **factories.WHO)
    db.session.commit()
