"""From sums to outputs, in one place for every engine (spec 4.3), and the frozen result that is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from simulation.canonical import canonical_bytes, content_hash, timestamp_text
from simulation.economics import economics, period_fields, pool_breakdown, revenue_lines, statements
from simulation.forecast import customer_impact, enforcement_forecast, exploration_summary
from simulation.metrics import metric_row, proxy_methods
from simulation.output_shapes import CoveredDocument, DatasetDocument, OutputsDocument
from simulation.plan import Plan
from simulation.plan_outputs import price_plan_outputs
from simulation.plan_shapes import PlannedOutputs
from simulation.risks import data_issues, risks
from simulation.tally import Tally
from simulation.unmatched_rows import unmatched_usage

ENGINE_VERSION = "1.2.0"


@dataclass(frozen=True)
class Outputs:
    """The outputs of one simulation: `document` is plain JSON data with every number already rounded.

    One plan over one set of events has one sequence of canonical bytes, whatever the engine.
    """

    document: OutputsDocument

    @cached_property
    def canonical(self) -> bytes:
        """Canonical JSON in UTF-8."""
        return canonical_bytes(self.document)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the canonical bytes, 64 hexadecimal digits."""
        return content_hash(self.document)


@dataclass(frozen=True)
class Dataset:
    """The events that were asked. Stored beside the outputs, never inside: other files may hold the same events.

    `digest` comes from `digest_of`; `newest_ts` is None without events. `covered` is what of them the run read, None
    for events that never change.
    """

    source: str
    row_count: int
    newest_ts: datetime | None
    digest: str
    covered: CoveredDocument | None = None

    def document(self) -> DatasetDocument:
        """The fingerprint as it is stored with the run, the engine's version included."""
        document: DatasetDocument = {
            "source": self.source,
            "row_count": self.row_count,
            "newest_ts": None if self.newest_ts is None else timestamp_text(self.newest_ts),
            "digest": self.digest,
            "engine_version": ENGINE_VERSION,
        }
        if self.covered is not None:
            document["covered"] = self.covered
        return document


def digest_of(files: Mapping[str, str]) -> str:
    """SHA-256 of a set of files, from the digest of each by name; their order does not matter."""
    return content_hash(files)


def assemble(plan: Plan, tally: Tally) -> Outputs:
    """The outputs of spec 4.3; the caller's decimal context must be exact (`simulation.numbers.EXACT`)."""
    candidate, baseline = statements(plan, tally)
    declared = tuple(dict.fromkeys((*plan.primary_metrics, *plan.metric_lenses)))
    metrics = {name: metric_row(name, candidate, baseline) for name in declared}
    planned: PlannedOutputs = {}
    if any(config.price_plan is not None for config in plan.configs):
        planned = {
            "revenue_lines": revenue_lines(candidate, baseline),
            "price_plan": price_plan_outputs(candidate),
        }
    return Outputs(
        {
            **planned,
            "window": {
                "start": timestamp_text(plan.window.start),
                "as_of": timestamp_text(plan.window.as_of),
                "days": plan.window.days,
                "periods": list(map(period_fields, plan.periods)),
            },
            "primary_metric_deltas": {name: metrics[name]["delta"] for name in plan.primary_metrics},
            "lens_metrics": {name: metrics[name]["candidate"] for name in plan.metric_lenses},
            "metrics": metrics,
            "proxy_methods": proxy_methods(declared),
            "economics": economics(candidate, baseline),
            "pool_breakdown": pool_breakdown(candidate),
            "exploration_summary": exploration_summary(candidate),
            "enforcement_forecast": enforcement_forecast(candidate),
            "customer_impact": customer_impact(candidate, tally.impact),
            "risks": risks(candidate, baseline, tally.coverage, tally.issues),
            "blocking_issues": list(plan.blocking_issues),
            "data_issues": data_issues(plan, tally.issues),
            "unmatched_usage": unmatched_usage(plan.candidate, tally.coverage),
        }
    )
