"""What wraps records: `{"data": [...]}`, pages of buckets of results, traces of spans. An event never wraps others."""

from simulation.canonical import Json, JsonObject

_WRAPPERS = (
    "data", "events", "records", "results", "items", "rows", "entries", "logs", "usage", "usage_events", "observations",
    "value", "Records", "resourceSpans", "scopeSpans", "spans",
)  # fmt: skip
_INHERITED = ("start_time", "end_time", "start_time_iso", "end_time_iso", "resource", "scope")
_OF_EVENTS = ("event_id", "event_type", "ts", "specversion", "id", "identifier", "timestamp", "time", "customer_id")


def records(value: Json) -> list[Json]:
    """The records that a value wraps, or the value itself."""
    name = _wrapper(value) if isinstance(value, dict) else None
    if name is None:
        return [value]
    passed_on = {key: value[key] for key in _INHERITED if key in value}
    return [record for item in value[name] for record in records(passed_on | item)]


def _wrapper(value: JsonObject) -> str | None:
    """The member that holds the records of an object, if it is no record itself."""
    if any(name in value for name in _OF_EVENTS):
        return None
    names = [name for name in _WRAPPERS if name in value] or (list(value) if len(value) == 1 else [])
    lists = [name for name in names if isinstance(value[name], list) and all(isinstance(x, dict) for x in value[name])]
    return lists[0] if len(lists) == 1 else None
