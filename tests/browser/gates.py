"""What each gate refuses: one state per code, made through services, and how an operator mends it on the linked screen.

Every case has records of its own, so that no mend touches another one: workspace `ws_<name>`, cycle `cycle_<name>`,
unit `vu_<name>`, config `cfg_<name>`, which lacks nothing but a run until the case spoils it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Unpack

from playwright.sync_api import Page, expect

from app import clock, extensions
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.transactions import write
from app.services.authoring import config_parts, cycles, unit_snapshots, value_units
from app.services.authoring import configs as config_drafts
from app.services.authoring.inputs import (
    ConfigColumns,
    CycleInput,
    ExplorationInput,
    PoolInput,
    RailsInput,
    ValueUnitInput,
)
from app.services.configs.editing import refresh
from app.services.configs.lookup import get_config
from app.services.decisions import activation
from app.services.simulations import runs
from rules.enums import HistoricalWindow
from simulation.canonical import Json
from tests import factories as f
from tests.browser import journey
from tests.browser.rest import another_page, follow
from tests.present import present

SEGMENT = "ai_video_smb"


@dataclass(frozen=True)
class Records:
    """The ids of a case's records."""

    name: str

    @property
    def workspace(self) -> str:
        return f"ws_{self.name}"

    @property
    def cycle(self) -> str:
        return f"cycle_{self.name}"

    @property
    def unit(self) -> str:
        return f"vu_{self.name}"

    @property
    def config(self) -> str:
        return f"cfg_{self.name}"


Spoil = Callable[[Records], None]
Mend = Callable[[Page, Records], None]


@dataclass(frozen=True)
class Case:
    """One state that a code refuses.

    `lands` is the screen that the link leads to, `focus` the id or the name of the control that has the focus there.
    `meanwhile` happens between looking at the approve screen and deciding on it; `says` is then the refusal's.
    """

    code: str
    spoil: Spoil
    lands: str
    focus: str
    mend: Mend
    variant: str = ""
    stage: str = "learning"
    meanwhile: Callable[[Page, Records], None] | None = None
    says: str = ""

    @property
    def name(self) -> str:
        return f"{self.code}-{self.variant}" if self.variant else self.code

    @property
    def records(self) -> Records:
        return Records(self.name)


def who() -> f.Who:
    return {"actor": f.OPERATOR, "now": clock.now()}


def make(case: Case) -> None:
    """The case's records in its state; wants an application context."""
    with write(db.session):
        _make(case.records, case.stage)
    case.spoil(case.records)
    db.session.remove()


def _make(records: Records, stage: str) -> None:
    f.workspace(db.session, records.workspace)
    f.cycle(db.session, records.cycle, workspace_id=records.workspace, segments=[SEGMENT])
    f.snapshot(db.session, records.cycle, f.HD_MINUTE | {"value_unit_id": records.unit})
    config(records, records.config, stage)


def config(records: Records, config_id: str, stage: str = "learning") -> None:
    """A complete production draft on the newest snapshot: one pool to sell from, one to explore with."""
    subject = f.SUBJECT | {"workspace_id": records.workspace, "segment": SEGMENT, "stage": stage}
    pools = [pool | {"value_unit_id": records.unit} for pool in (f.CORE, f.EXPLORATION_POOL)]
    f.config(db.session, config_id, **subject, cycle_id=records.cycle, pools=pools)


# Spoiling


def cycle(**changes: Unpack[CycleInput]) -> Spoil:
    def spoil(records: Records) -> None:
        with write(db.session):
            cycles.update_cycle(db.session, records.cycle, changes, **who())

    return spoil


def columns(**changes: Unpack[ConfigColumns]) -> Spoil:
    def spoil(records: Records) -> None:
        with write(db.session):
            config_drafts.update_config(db.session, records.config, changes, **who())

    return spoil


def unit(**changes: Unpack[ValueUnitInput]) -> Spoil:
    """The gap is frozen: the unit is edited and submitted, and the config uses that snapshot."""

    def spoil(records: Records) -> None:
        with write(db.session):
            value_units.update_value_unit(db.session, records.unit, changes, **who())
            snapshot = unit_snapshots.submit_snapshot(db.session, records.cycle, **who())
            version: ConfigColumns = {"value_unit_snapshot_version": snapshot.snapshot_version}
            config_drafts.update_config(db.session, records.config, version, **who())

    return spoil


def economics(**changes: Json) -> Spoil:
    return unit(unit_economics=present(f.HD_MINUTE["unit_economics"]) | changes)


def mapping(**changes: Json) -> Spoil:
    return unit(event_mapping=present(f.HD_MINUTE["event_mapping"]) | changes)


def exploration(**changes: Unpack[ExplorationInput]) -> Spoil:
    def spoil(records: Records) -> None:
        with write(db.session):
            config_parts.put_exploration(db.session, records.config, changes, **who())

    return spoil


def rails(**changes: Unpack[RailsInput]) -> Spoil:
    def spoil(records: Records) -> None:
        with write(db.session):
            config_parts.put_rails(db.session, records.config, changes, **who())

    return spoil


def price_plan(**members: Json) -> Spoil:
    """A plan as a row may have it, whatever the doors would say of it."""

    def spoil(records: Records) -> None:
        with write(db.session):
            config = db.session.get_one(ConfigVersion, records.config)
            config.price_plan = {"change_policy": "at_next_period", **members}  # type: ignore[assignment]  # as spoilt
            refresh(db.session, config, clock.now())

    return spoil


def too_much_included(records: Records) -> None:
    with write(db.session):
        amount: PoolInput = {"included_quantity": Decimal(10) ** 14}
        config_parts.update_pool(db.session, records.config, "pool_core", amount, **who())


def a_cap_of_another_shape(records: Records) -> None:
    """A cap as rows from before its shape was checked have it."""
    with write(db.session):
        config = db.session.get_one(ConfigVersion, records.config)
        if config.rails is None:
            raise LookupError(records.config)
        config.rails.absolute_usage_caps = [{"per": "day", "renders": 50}]


def take_the_caps_out(page: Page, records: Records) -> None:
    with another_page(page):
        page.get_by_role("button", name="Take them out").click()
    leave(page)


def nothing(records: Records) -> None:
    """As it is made: everything but a run."""


def without_pools(records: Records) -> None:
    with write(db.session):
        config_parts.put_pools(db.session, records.config, {"pools": []}, **who())


def a_unit_that_was_not_submitted(records: Records) -> None:
    unit_id = f"{records.unit}_new"
    with write(db.session):
        new = f.HD_MINUTE | {"value_unit_id": unit_id, "cycle_id": records.cycle, "name": "Not submitted yet"}
        value_units.create_value_unit(db.session, new, **who())
        config_parts.update_pool(db.session, records.config, "pool_core", {"value_unit_id": unit_id}, **who())


def simulated(*spoils: Spoil, before: Spoil = nothing) -> Spoil:
    """A run, and what happened to its config since; `before` came first and is in the run."""

    def spoil(records: Records) -> None:
        before(records)
        run_it(records.config)
        for each in spoils:
            each(records)

    return spoil


def run_it(config_id: str) -> str:
    """Simulate over the demo events; the run's id."""
    run = runs.simulate(db.session, extensions.usage_events(), _question(config_id), **who())
    return str(run.simulation_run_id)


def _question(config_id: str) -> runs.Request:
    return runs.Request(config_id, HistoricalWindow.MOCKED, get_config(db.session, config_id).segment)


def with_an_active_version_and_a_rival(records: Records) -> None:
    """`<config>_first` is active, `<config>_rival` could replace it, and so could the config itself."""
    first, rival = f"{records.config}_first", f"{records.config}_rival"
    with write(db.session):
        config(records, first)
    activate(first)
    with write(db.session):
        config(records, rival)
    run_it(rival)
    run_it(records.config)


def activate(config_id: str) -> None:
    run_id = run_it(config_id)
    with write(db.session):
        activation.approve(db.session, config_id, run_id, f.APPROVAL, **who())


# Meanwhile


def somebody_simulates_again(page: Page, records: Records) -> None:
    run_it(records.config)


def somebody_activates_the_rival(page: Page, records: Records) -> None:
    activate(f"{records.config}_rival")


def the_page_refers_to_a_queued_run(page: Page, records: Records) -> None:
    """The product pins completed runs; a script that fills in the form may not."""
    with write(db.session):
        prepared = runs.prepare(db.session, _question(records.config))
        run_id = runs.begin(db.session, prepared, **who()).simulation_run_id
    page.locator("#decide [name=simulation_run_id]").evaluate("(input, id) => { input.value = id; }", run_id)


# Mending: what stands on the page that the link leads to, beginning at the control with the focus


def typed(text: str) -> Mend:
    def mend(page: Page, records: Records) -> None:
        page.keyboard.press("ControlOrMeta+A")  # in place of what is there
        page.keyboard.type(text)
        leave(page)

    return mend


def emptied(page: Page, records: Records) -> None:
    page.locator(":focus").fill("")
    leave(page)


def chosen(value: str) -> Mend:
    def mend(page: Page, records: Records) -> None:
        page.locator(":focus").select_option(value)
        leave(page)

    return mend


def ticked(page: Page, records: Records) -> None:
    page.keyboard.press("Space")
    leave(page)


def leave(page: Page) -> None:
    """By the primary button, which saves."""
    with another_page(page):
        page.locator("footer.next button.primary").click()


def then_submitted(mend: Mend) -> Mend:
    """A config keeps its snapshot: the mended unit reaches it by the next one."""

    def both(page: Page, records: Records) -> None:
        mend(page, records)
        if "unit=" in page.url:
            follow(page, page.get_by_role("link", name="Back", exact=True))
        follow(page, page.get_by_role("link", name="Continue to submit"))
        leave(page)
        expect(page.locator(".flash")).to_contain_text(f"{records.config} uses snapshot 3 now.")
        assert page.url.endswith(f"/configs/{records.config}/pools")

    return both


def map_the_unit(page: Page, records: Records) -> None:
    page.locator(":focus").select_option("video_render_completed")
    page.get_by_label("Adds up as").select_option("count")
    leave(page)


def count_instead(page: Page, records: Records) -> None:
    page.get_by_label("Adds up as").select_option("count")
    leave(page)


def retype_the_filter(page: Page, records: Records) -> None:
    page.locator(":focus").select_option("resolution")
    leave(page)


def intend_a_metric(page: Page, records: Records) -> None:
    page.locator(":focus").select_option("gross_margin")
    page.keyboard.press("Tab")
    page.locator(":focus").select_option("positive")
    leave(page)


def add_a_pool(page: Page, records: Records) -> None:
    page.keyboard.press("Enter")
    page.keyboard.type("Core")
    page.get_by_label("Beyond that").select_option("allow_overage")
    page.get_by_label("Value unit", exact=False).first.select_option(records.unit)
    leave(page)


def make_it_production(page: Page, records: Records) -> None:
    page.get_by_label("Production, 90 days").check()
    leave(page)


def simulate(page: Page, records: Records) -> None:
    journey.simulate(page)


def simulate_again(page: Page, records: Records) -> None:
    page.get_by_role("link", name="Simulate again").first.click()
    page.wait_for_url("**/simulate*")
    journey.simulate(page)


def look_again(page: Page, records: Records) -> None:
    """The refused page compares with what is active now, and says that looking at it is all there is to do."""
    expect(page.get_by_label("Compared with")).to_have_value(f"{records.config}_rival")
    expect(page.locator("#passes-now")).to_be_visible()
    expect(page.locator("footer.next button.primary")).to_be_enabled()
