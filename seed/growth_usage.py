"""About 60,000 usage events over 120 days: growth, a weekly rhythm, a heavy tail, exploration (spec 8)."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from seed.growth_customers import DAYS, ENTERPRISE, SMB, Profile
from seed.growth_story import WORKSPACE
from simulation.canonical import JsonObject

START = datetime(2026, 1, 1)  # noqa: DTZ001  all times here are UTC
END = START + timedelta(days=DAYS)

GROWTH = 0.5  # more use per customer at the end than at the start
WEEK = (1.15, 1.2, 1.2, 1.15, 1.0, 0.55, 0.45)  # Monday first
HOURS = (9, 9, 10, 10, 10, 11, 11, 11, 12, 13, 14, 14, 14, 15, 15, 15, 16, 16, 16, 17, 17, 18, 19, 20, 21, 22, 7, 8)
EVENTS_A_DAY = {SMB: 1.8, ENTERPRISE: 2.85}
MINUTES = tuple(Decimal(half) / 2 for half in range(1, 25))
FEATURES = ("storyboard_to_video", "voice_clone", "auto_captions")

Event = JsonObject  # the base fields and the dimensions of its event_type
Mix = tuple[tuple[float, str, dict[str, str]], ...]  # cumulative share, event_type, dimensions

_RENDER, _EXPORT = "video_render_completed", "draft_export_created"
_LABS, _QUALITY = "labs_feature_used", "quality_proxy_recorded"
_EXPLORING: Mix = (
    (0.45, _EXPORT, {"resolution": "HD"}),
    (0.75, _LABS, {}),
    (0.92, _RENDER, {"resolution": "HD", "render_mode": "preview"}),
    (1.0, _QUALITY, {}),
)
_BUYING: dict[str, Mix] = {
    SMB: (
        (0.31, _RENDER, {"resolution": "HD", "render_mode": "production"}),
        (0.77, _RENDER, {"resolution": "HD", "render_mode": "preview"}),
        (0.8, _RENDER, {"resolution": "4K", "render_mode": "production"}),
        (0.88, _EXPORT, {"resolution": "HD"}),
        (0.94, _LABS, {}),
        (1.0, _QUALITY, {}),
    ),
    ENTERPRISE: (
        (0.5, _RENDER, {"resolution": "HD", "render_mode": "production"}),
        (0.58, _RENDER, {"resolution": "HD", "render_mode": "preview"}),
        (0.87, _RENDER, {"resolution": "4K", "render_mode": "production"}),
        (0.91, _EXPORT, {"resolution": "4K"}),
        (0.93, _LABS, {}),
        (1.0, _QUALITY, {}),
    ),
}


def usage_events(rng: Random, profiles: Sequence[Profile]) -> list[Event]:
    """The events with their ids, in order of time: a JSON object each, as `usage_events.json` holds them."""
    seconds = [
        (second, number, day, profile)
        for number, profile in enumerate(profiles)
        for day in range(profile.joins, profile.leaves)
        for second in _moments(rng, profile, day)
    ]
    seconds.sort(key=lambda item: item[:2])
    return [_event(rng, index, *item) for index, item in enumerate(seconds, start=1)]


def _moments(rng: Random, profile: Profile, day: int) -> Iterator[int]:
    """Seconds since the start of a customer's events on a day; the fraction of an event is settled by chance."""
    weekday = (START.weekday() + day) % 7
    expected = EVENTS_A_DAY[profile.segment] * profile.weight * WEEK[weekday] * (1 + GROWTH * day / DAYS)
    for _ in range(int(expected + rng.random())):
        hour = HOURS[int(rng.random() * len(HOURS))]
        yield (day * 24 + hour) * 3600 + int(rng.random() * 3600)


def _event(rng: Random, index: int, second: int, _number: int, day: int, profile: Profile) -> Event:
    mix = _BUYING[profile.segment] if day >= profile.buys_from else _EXPLORING
    draw = rng.random()
    _, event_type, dimensions = next(kind for kind in mix if draw < kind[0])
    return {
        "event_id": f"evt_g{index:06d}",
        "ts": f"{(START + timedelta(seconds=second)).isoformat()}Z",
        "event_type": event_type,
        "workspace_id": WORKSPACE,
        "customer_id": profile.customer_id,
        "segment": profile.segment,
        **dimensions,
        **_measured(rng, event_type),
    }


def _measured(rng: Random, event_type: str) -> JsonObject:
    """The dimensions that differ from event to event: short videos are common, long ones rare; most are happy."""
    draw = rng.random()
    if event_type == _RENDER:
        return {"output_minutes": MINUTES[int(draw * draw * len(MINUTES))]}
    if event_type == _LABS:
        return {"feature_name": FEATURES[int(draw * draw * len(FEATURES))]}
    if event_type == _QUALITY:
        if draw < 0.3:
            return {"proxy_type": "edit_reopen", "proxy_value": int(draw < 0.05)}
        return {"proxy_type": "csat", "proxy_value": 5 - int((1 - draw) * (1 - draw) * 9)}
    return {}
