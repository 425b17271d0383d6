"""Reports of the customer apps of ws_2049: the usage events replayed against the config in force (spec 8).

An app meters as its config says, in periods of 30 days from the activation on, so what it reports follows the
forecast, give or take a month of growth. One app does not: while SMB_V2 is in force it counts previews as production
renders, and stops far more studios than forecast.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import TypedDict

from rules.enforcement import REPORTED_AS
from rules.enums import Action, EnforcementEventType
from seed import growth_story as story
from seed.growth_customers import Profile
from seed.growth_usage import Event
from seed.reading import Values
from simulation.canonical import Json, JsonObject, timestamp_text
from simulation.window import PERIOD_DAYS

PERIOD = timedelta(days=PERIOD_DAYS)
CLIENTS: Mapping[str, str] = {
    story.SANDBOX_V1: "cli_growth_smb_sandbox",
    story.SMB_V1: "cli_growth_smb",
    story.SMB_V2: "cli_growth_smb",
    story.ENTERPRISE_V1: "cli_growth_enterprise",
    story.ENTERPRISE_V2: "cli_growth_enterprise",
}
"""The queue that sends the reports about a config, by config: each app enforces one subject."""
CLIENT_THAT_LOST, LOST = "cli_growth_enterprise", range(41, 44)
_UNSATISFIED = 2  # a csat of 2 or less is reported


class Report(TypedDict):
    """An enforcement event without its id, as its app wrote it down."""

    workspace_id: str
    customer_id: str
    config_version_id: str
    occurred_at: datetime
    event_type: str
    context: JsonObject
    received_at: datetime


class NumberedReport(Report):
    """A report as a queue sends it."""

    client_id: str
    sequence: int


@dataclass(frozen=True)
class InForce:
    """A config while it was in force, `[start, end)`, with its units' documents by id.

    `miscounts_previews` says that the app counts previews as production renders.
    """

    config: Mapping[str, Json]
    units: Mapping[str, Mapping[str, Json]]
    start: datetime
    end: datetime
    miscounts_previews: bool = False


@dataclass
class _Month:
    """A customer and period: units used, threshold percentages already reported, and whether the cap was."""

    used: dict[str, Decimal] = field(default_factory=dict)
    reported: set[int] = field(default_factory=set)
    over_cap: bool = False


def reports(
    force: InForce, events: Sequence[Event], profiles: Mapping[str, Profile], graduated: set[tuple[str, str]]
) -> Iterator[Report]:
    """The enforcement events of one config, without their ids; `events` and they are in order of time.

    `graduated` remembers (config, customer): an app reports it once, also when its config comes back in force.
    """
    months: dict[tuple[str, int], _Month] = {}
    for event in _while_in_force(force, events):
        moment = datetime.fromisoformat(event["ts"])
        month = months.setdefault((event["customer_id"], (moment - force.start) // PERIOD), _Month())
        for event_type, context in _consequences(force, month, event):
            yield _report(force, event, moment, event_type, context)
        graduate = (force.config["config_version_id"], event["customer_id"])
        if graduate not in graduated and _graduates(force, profiles[event["customer_id"]], event):
            graduated.add(graduate)
            signal = {"graduation_signal": force.config["exploration"]["graduation_signal"]}
            yield _report(force, event, moment, EnforcementEventType.EXPLORATION_GRADUATED, signal)


def _while_in_force(force: InForce, events: Sequence[Event]) -> Iterator[Event]:
    """The segment's events of `[start, end)`; times of one format sort as text."""
    first, last = (
        bisect_left(events, timestamp_text(moment), key=itemgetter("ts")) for moment in (force.start, force.end)
    )
    return (event for event in events[first:last] if event["segment"] == force.config["segment"])


def _consequences(force: InForce, month: _Month, event: Event) -> Iterator[tuple[str, JsonObject]]:
    if event["event_type"] == "quality_proxy_recorded":
        yield from _quality(force, event)
    for pool in force.config["pools"]:
        unit = force.units[pool["value_unit_id"]]
        quantity = _quantity(unit["event_mapping"], event, force.miscounts_previews)
        if quantity:
            unit_id = pool["value_unit_id"]
            month.used[unit_id] = month.used.get(unit_id, Decimal(0)) + quantity
            yield from _thresholds(force, month, pool)
            yield from _spend(force, month)


def _quantity(mapping: Values, event: Event, miscounts_previews: bool) -> Decimal:
    """The quantity that the event adds to the unit, as the app counts it."""
    filters = dict(mapping["filters"])
    if miscounts_previews:
        filters.pop("render_mode", None)
    if event["event_type"] != mapping["event_type"] or any(event.get(key) != value for key, value in filters.items()):
        return Decimal(0)
    return Decimal(event[mapping["aggregation"]["field"]]) if "field" in mapping["aggregation"] else Decimal(1)


def _thresholds(force: InForce, month: _Month, pool: Values) -> Iterator[tuple[str, JsonObject]]:
    """Each percentage is reported once in a period, by the pool that reaches it first."""
    used, included = month.used[pool["value_unit_id"]], pool["included_quantity"]
    for threshold in force.config["rails"]["usage_thresholds"]:
        percent = threshold["percent"]
        if included > 0 and percent not in month.reported and used * 100 >= included * percent:
            month.reported.add(percent)
            context = {
                "pool_id": pool["pool_id"],
                "value_unit_id": pool["value_unit_id"],
                "percent": percent,
                "action": threshold["action"],
                "used_quantity": used,
                "included_quantity": included,
            }
            if force.miscounts_previews:
                context["render_modes_counted"] = ["production", "preview"]
            yield REPORTED_AS[threshold["action"]].value, context


def _spend(force: InForce, month: _Month) -> Iterator[tuple[str, JsonObject]]:
    """At the cap the app asks for approval, and in this story gets it."""
    spend, cap = sum(_overage_usd(force, month), Decimal(0)), force.config["rails"]["monthly_spend_cap_usd"]
    if spend > cap and not month.over_cap and not force.miscounts_previews:
        month.over_cap = True
        yield (
            EnforcementEventType.OVERRIDE_APPROVED.value,
            {
                "action": Action.REQUIRE_APPROVAL.value,
                "spend_usd": spend,
                "monthly_spend_cap_usd": cap,
                "approved_by": "Customer success",
            },
        )


def _overage_usd(force: InForce, month: _Month) -> Iterator[Decimal]:
    for pool in force.config["pools"]:
        over = month.used.get(pool["value_unit_id"], Decimal(0)) - pool["included_quantity"]
        if over > 0:
            yield over * force.units[pool["value_unit_id"]]["unit_economics"]["target_price_per_unit_usd"]


def _quality(force: InForce, event: Event) -> Iterator[tuple[str, JsonObject]]:
    """The app asks about what it renders most: the unit of the first pool."""
    if event["proxy_type"] == "csat" and event["proxy_value"] <= _UNSATISFIED:
        yield (
            EnforcementEventType.QUALITY_PROXY_FAILED.value,
            {
                "value_unit_id": force.config["pools"][0]["value_unit_id"],
                "proxy_type": "csat",
                "proxy_value": event["proxy_value"],
            },
        )


def _graduates(force: InForce, profile: Profile, event: Event) -> bool:
    """The first production render of someone who came to explore."""
    return (
        force.config["exploration"]["enabled"]
        and profile.buys_from > profile.joins
        and event.get("render_mode") == "production"
    )


def numbered(sent: Iterable[Report]) -> Iterator[NumberedReport]:
    """Reports in order of time as the apps send them: a queue for each subject, which numbers them from 1.

    One app once lost what it had not sent yet, when its disk was replaced: `LOST` of its numbers never arrive.
    """
    counts: dict[str, int] = {}
    for report in sent:
        client_id = CLIENTS[report["config_version_id"]]
        number = counts.get(client_id, 0) + 1
        if client_id == CLIENT_THAT_LOST and number == LOST.start:
            number = LOST.stop
        counts[client_id] = number
        yield {**report, "client_id": client_id, "sequence": number}


def _report(force: InForce, event: Event, moment: datetime, event_type: str, context: JsonObject) -> Report:
    return {
        "workspace_id": force.config["workspace_id"],
        "customer_id": event["customer_id"],
        "config_version_id": force.config["config_version_id"],
        "occurred_at": moment,
        "event_type": event_type,
        "context": context,
        "received_at": moment + timedelta(seconds=2),
    }
