"""What the Navigator asks and advises: computed from findings and the last run, no model involved (spec 7)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from rules.draft import Draft, Risk, given, pooled_units
from rules.finding import Finding
from rules.places import at_cycle, at_pool, at_rails, at_unit, config_screen
from rules.wording import listed

MOST_QUESTIONS = 5


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question whose answer fills one missing required field."""

    question: str
    field: str
    deep_link: str

    def as_dict(self) -> dict[str, str]:
        """Plain JSON: `{question, field, deep_link}`."""
        return {"question": self.question, "field": self.field, "deep_link": self.deep_link}


@dataclass(frozen=True, slots=True)
class RecommendedAction:
    """Something worth doing, and the screen to do it on. `code` is the risk's or the advisory's."""

    code: str
    text: str
    deep_link: str

    def as_dict(self) -> dict[str, str]:
        """Plain JSON: `{code, text, deep_link}`."""
        return {"code": self.code, "text": self.text, "deep_link": self.deep_link}


QUESTIONS: Mapping[str, str] = MappingProxyType(
    {
        "cycle_goal_type_missing": "What is this cycle for?",
        "cycle_primary_metrics_missing": "Which metrics, three at most, tell whether it worked?",
        "value_unit_snapshot_missing": "Are the value units stable enough to submit?",
        "config_pools_missing": "What is included, and in which pool?",
        "pool_value_unit_unknown": "Which value unit does pool {id} give out?",
        "unit_event_mapping_missing": "Which event counts as one {id}, and how does it add up?",
        "unit_economics_missing": "What does one {id} cost, what should it sell for, and how sure are you?",
        "unit_outcome_statement_missing": "What does the customer get from one {id}?",
        "unit_metrics_intent_missing": "Which metric should {id} move, and in which direction?",
        "unit_quality_signal_missing": "What tells you that one {id} was any good?",
        "rails_monthly_spend_cap_missing": "What is the most that one customer may spend in a month?",
        "rails_margin_floor_missing": "Below which margin do the economics count as broken?",
        "rails_at_cap_action_missing": "What happens when a customer reaches the spend cap?",
        "rails_thresholds_incomplete": "What happens at 70, 90 and 100 percent of the allowance?",
        "price_book_ref_missing": "Which price book is billed from?",
    }
)
"""Findings that one missing field explains. What is present but wrong is no question; its finding says what to do."""

_EXPLORATION_QUESTIONS: Mapping[str, str] = MappingProxyType(
    {
        "exploration.exploration_pool_id": "Which exploration pool pays for exploring?",
        "exploration.qualifying_events": "Which events count as exploring?",
        "exploration.expires_after_days": "After how many days does exploration end?",
        "exploration.graduation_signal": "What shows that a customer has finished exploring?",
    }
)


def open_questions(findings: Iterable[Finding]) -> tuple[OpenQuestion, ...]:
    """At most five questions in the findings' order, one per missing required field."""
    return tuple(islice(_questions(findings), MOST_QUESTIONS))


def _questions(findings: Iterable[Finding]) -> Iterator[OpenQuestion]:
    for finding in findings:
        asked = QUESTIONS.get(finding.code) or _EXPLORATION_QUESTIONS.get(finding.field)
        if asked and finding.gate is not Gate.ADVISORY:
            question = asked.format(id=finding.entity.id or "it")
            yield OpenQuestion(question, finding.field, finding.deep_link)


def recommended_actions(draft: Draft) -> tuple[RecommendedAction, ...]:
    """What the run's risks and the pooled units suggest, risks first in the run's order, each action once."""
    risks = draft.simulation.risks if draft.simulation else ()
    return tuple(dict.fromkeys([*_from_risks(draft, risks), *_from_units(draft)]))


def _from_risks(draft: Draft, risks: Iterable[Risk]) -> Iterator[RecommendedAction]:
    for risk in risks:
        advice = _ADVICE.get(risk.code or "")
        if risk.code and advice:
            text, link = advice
            yield RecommendedAction(risk.code, text + _when(risk), link(draft))


def _when(risk: Risk) -> str:
    if not risk.periods:
        return ""
    return f" in period{'s' if len(risk.periods) > 1 else ''} {listed(risk.periods)}"


_ADVICE: Mapping[str, tuple[str, Callable[[Draft], str]]] = MappingProxyType(
    {
        "margin_floor_violated": (
            "tighten rails: margin_floor violated",
            lambda draft: at_rails(draft, "margin_floor").deep_link,
        ),
        "spend_cap_exceeded": (
            "tighten rails: customers were billed above monthly_spend_cap_usd",
            lambda draft: at_rails(draft, "usage_thresholds").deep_link,
        ),
        "cost_over_spend_cap": (
            "include less: customers cost more to serve than monthly_spend_cap_usd",
            lambda draft: config_screen(draft, "pools"),
        ),
        "retention_regressed": (
            "soften overage_behavior: retention regressed",
            lambda draft: config_screen(draft, "pools"),
        ),
        "no_usage_in_window": (
            "simulate a window that has usage: this one has none",
            lambda draft: config_screen(draft, "simulate"),
        ),
    }
)
"""Risk code → advice and where to follow it. pool_price_zero and quality_signal_missing come from the units below."""


def _from_units(draft: Draft) -> Iterator[RecommendedAction]:
    for unit in pooled_units(draft):
        if not given(unit.quality_signal_source):
            text = f"add a quality signal to {unit.value_unit_id} before scaling"
            link = at_unit(draft, unit, "quality_signal_source").deep_link
            yield RecommendedAction("quality_signal_missing", text, link)
