"""Drift of what apps report from what was forecast: a ratio test that small numbers cannot set off (spec 7, flow 6B).

A count has drifted when it is more than twice or less than half the forecast, and the difference is larger than chance:
more than twice the square root of both counts together (two standard deviations of two Poisson counts). A ratio says
what an operator asks ("four times as many"), where a distance of distributions would only say "different".
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

AGREES_WITHIN = 2
"""Counts agree from half as many to twice as many."""
CHANCE = 2
"""Standard deviations within which a difference may be chance."""
RATIO_PLACES = Decimal("0.01")
METHOD = (
    "Drift: more than twice or less than half the forecast, and further off than chance alone explains "
    "(2 × √(observed + forecast) customers)."
)
NO_FORECAST, TOO_EARLY, NOT_TOLD_APART = "no_forecast", "too_early", "not_told_apart"
AS_FORECAST, MORE, LESS = "as_forecast", "more_than_forecast", "less_than_forecast"
VERDICTS = (NO_FORECAST, TOO_EARLY, NOT_TOLD_APART, AS_FORECAST, MORE, LESS)
DRIFTED = (MORE, LESS)

_SAYS = {
    NO_FORECAST: "nothing was forecast",
    TOO_EARLY: "too early to say",
    NOT_TOLD_APART: "the app does not say which limit was reached",
    AS_FORECAST: "as forecast",
    MORE: "more than forecast: look at what the app counts before trusting the next simulation",
    LESS: "less than forecast: check that the app reports everything",
}


def verdict_of(observed: int, forecast: int | None, is_early: bool) -> str:
    """The verdict on the customers observed and forecast; while it is early, few prove nothing, but many do."""
    if forecast is None:
        return NO_FORECAST
    if (observed - forecast) ** 2 <= CHANCE**2 * (observed + forecast):
        return TOO_EARLY if is_early and observed * AGREES_WITHIN < forecast else AS_FORECAST
    if observed > forecast * AGREES_WITHIN:
        return MORE
    if observed * AGREES_WITHIN < forecast:
        return TOO_EARLY if is_early else LESS
    return AS_FORECAST


def ratio_of(observed: int, forecast: int | None) -> Decimal | None:
    """Observed ÷ forecast with two places; None without a forecast or when it is 0."""
    return (Decimal(observed) / forecast).quantize(RATIO_PLACES, ROUND_HALF_EVEN) if forecast else None


def text_of(name: str, observed: int, forecast: int | None, verdict: str) -> str:
    """`rail_warning_shown: 12 customers, forecast 10: as forecast.`"""
    comparison = "" if forecast is None else f", forecast {forecast}"
    return f"{name}: {observed} customer{'' if observed == 1 else 's'}{comparison}: {_SAYS[verdict]}."


def overall(rows: Iterable[tuple[int, str, str]], observed_days: int, forecast_days: int | None) -> str:
    """The texts of what drifts, or one sentence when nothing does; `rows` are (events, verdict, text)."""
    rows = tuple(rows)
    drifting = [text for _, verdict, text in rows if verdict in DRIFTED]
    if drifting:
        return " ".join(drifting)
    if not any(events for events, _, _ in rows):
        return "No enforcement events were reported."
    if forecast_days is not None and observed_days < forecast_days:
        so_far = f"{observed_days} of the {forecast_days} days that were forecast"
        return f"Too early to compare everything with the forecast, after {so_far}; nothing contradicts it so far."
    if all(verdict == NO_FORECAST for _, verdict, _ in rows):
        return "Nothing was forecast that could be compared."
    return "What the apps reported agrees with the forecast."
