"""Whatever bytes a file or a body holds: events, rejects, or a clean refusal; never another exception."""

import gzip
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services.usage.content import ENCODINGS, FILE_FORMATS
from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.files import open_source
from app.services.usage.formats import CONTENT_TYPES, parse_body
from app.services.usage.heads import read_head
from app.services.usage.mapping import ColumnPlan
from app.services.usage.presets import PRESETS, merged
from app.services.usage.validate import validate, validate_texts
from tests.services.usage.conftest import CATALOG

POLICY = Policy("ws_1", CATALOG, segments={}, extend_catalog=True)
GIVEN = ColumnPlan(constants={"segment": "all", "customer_id": "c", "event_type": "llm_request"})
HEADERS = (
    "ts,event_type,customer_id,a\n", "event_id;ts;n\n", '{"ts": ', '[{"ts": ', '{"data": [', "sep=;\n", "\ufeff",
)  # fmt: skip
PIECES = (*'",;\t\n\r{}[]:1éa ', "NaN", "2026-01-05")
texts = st.builds(
    lambda header, pieces, encoding: (header + "".join(pieces)).encode(encoding, "replace"),
    st.sampled_from(HEADERS),
    st.lists(st.sampled_from(PIECES), max_size=25),
    st.sampled_from(["utf-8", "utf-16", "latin-1", "utf-16-le"]),
)
places = st.integers(0, 5000)
samples = st.sampled_from(sorted((Path(__file__).parent / "samples").iterdir())).map(Path.read_bytes)
cut = st.builds(
    lambda sample, start, end: sample[: start % len(sample)] + sample[end % len(sample) :], samples, places, places
)
contents = st.one_of(st.binary(max_size=80), texts, cut)
contents = st.one_of(contents, contents.map(gzip.compress))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "file"


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    contents,
    st.sampled_from([None, None, *FILE_FORMATS]),
    st.sampled_from([None, None, *ENCODINGS]),
    st.sampled_from([None, *PRESETS]),
)
def test_any_file_gives_events_rejects_or_a_clean_refusal(
    path: Path, content: bytes, file_format: str | None, encoding: str | None, preset: object
) -> None:
    path.write_bytes(content)
    with suppress(UnreadableInput):
        head, copied = read_head(path, file_format, encoding)
        own = ColumnPlan(constants=GIVEN.constants, file_format=file_format, encoding=encoding)
        plan = own if preset is None else merged(preset, head.columns, own)  # type: ignore[arg-type]
        for texts, _ in open_source(path, plan, POLICY).batches:
            validate_texts(texts, POLICY)
        path.write_bytes(copied)
        read_head(path)


@settings(deadline=None, max_examples=150)
@given(contents, st.sampled_from(CONTENT_TYPES))
def test_any_body_gives_events_rejects_or_a_clean_refusal(content: bytes, content_type: str) -> None:
    with suppress(UnreadableInput):
        validate(parse_body(content, content_type), POLICY)
