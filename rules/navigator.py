"""The Navigator's questions and advice: computed from findings and the last run, no model involved (spec 7)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from rules.draft import Draft, Risk, filled, pooled_units
from rules.finding import Finding, Gate
from rules.lifecycle import is_editable
from rules.places import at_rails, at_unit, config_screen, units_screen
from rules.wording import listed, quoted

MAX_QUESTIONS = 5


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
        "pool_value_unit_unknown": "Which value unit does pool {name} give out?",
        "unit_event_mapping_missing": "Which event counts as one {name}, and how does it add up?",
        "unit_economics_missing": "What does one {name} cost, what should it sell for, and how sure are you?",
        "unit_outcome_statement_missing": "What does the customer get from one {name}?",
        "unit_metrics_intent_missing": "Which metric should {name} move, and in which direction?",
        "unit_quality_signal_missing": "What tells you that one {name} was any good?",
        "rails_monthly_spend_cap_missing": "What is the most that one customer may spend in a month?",
        "rails_margin_floor_missing": "Below which margin do the economics count as broken?",
        "rails_at_cap_action_missing": "What happens when a customer reaches the spend cap?",
        "rails_thresholds_incomplete": "What happens at 70, 90 and 100 percent of the allowance?",
        "price_book_ref_missing": "Which price book is billed from?",
    }
)
"""Findings that one missing field explains. What is present but wrong is no question; its finding says what to do."""

EXPLORATION_QUESTIONS: Mapping[str, str] = MappingProxyType(
    {
        "exploration.exploration_pool_id": "Which exploration pool pays for exploring?",
        "exploration.qualifying_events": "Which events count as exploring?",
        "exploration.expires_after_days": "After how many days does exploration end?",
        "exploration.graduation_signal": "What shows that a customer has finished exploring?",
    }
)


def open_questions(findings: Iterable[Finding], draft: Draft) -> tuple[OpenQuestion, ...]:
    """At most five questions in the findings' order, one per missing required field.

    They call units and pools by the names that `draft` gives them.
    """
    by_field: dict[str, OpenQuestion] = {}
    for question in _questions(_names(draft), findings):
        by_field.setdefault(question.field, question)
    return tuple(by_field.values())[:MAX_QUESTIONS]


def _names(draft: Draft) -> dict[str | None, str]:
    """The id of each unit and pool → its name in a sentence."""
    units = {unit.value_unit_id: unit.name for unit in draft.units or ()}
    pools = {pool.pool_id: pool.label for pool in draft.pools}
    return {key: quoted(name) for key, name in (units | pools).items() if name}


def _questions(names: Mapping[str | None, str], findings: Iterable[Finding]) -> Iterator[OpenQuestion]:
    for finding in findings:
        template = QUESTIONS.get(finding.code) or EXPLORATION_QUESTIONS.get(finding.field)
        if template and finding.gate is not Gate.ADVISORY:
            question = template.format(name=names.get(finding.entity.id, "it"))
            yield OpenQuestion(question, finding.field, finding.deep_link)


RISK_ADVICE: Mapping[str, tuple[str, Callable[[Draft], str]]] = MappingProxyType(
    {
        "most_events_add_nothing": (
            "fix the usage or the mapping: most events of a unit add 0",
            lambda draft: config_screen(draft, "review") + "#data",
        ),
        "margin_floor_violated": (
            "raise the price or include less: the margin is below its floor",
            lambda draft: config_screen(draft, "pools"),
        ),
        "spend_cap_exceeded": (
            "include more or raise the spend cap: customers are billed above it",
            lambda draft: at_rails(draft, "monthly_spend_cap_usd").deep_link,
        ),
        "cost_over_spend_cap": (
            "include less: customers cost more than the spend cap lets them be billed",
            lambda draft: config_screen(draft, "pools"),
        ),
        "retention_regressed": (
            "let customers go on beyond the allowance: retention fell",
            lambda draft: config_screen(draft, "pools"),
        ),
        "no_usage_in_window": (
            "simulate another window: this one has no usage",
            lambda draft: config_screen(draft, "simulate"),
        ),
        "usage_unmatched": (
            "map the usage that no unit counts",
            units_screen,
        ),
    }
)
"""Advice and the link to follow it, by risk code. Risks that a unit or pool explains are advised from the rules.

The advice names what moves the simulated figure: price and allowance move revenue and margin, rails move neither.
"""

ANOTHER_WAITS = "another_version_waits"
ADVISORY_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "pool_price_zero": "price the unit of pool {name}, or make it an exploration pool",
        "exploration_expiry_out_of_range": "end exploration within 14 to 60 days",
        "metrics_intent_partial": "say what {name} should do to every primary metric",
        "unit_price_below_cost": "price {name} above what it costs",
        "target_margin_inconsistent": "bring target margin, cost and price of {name} into line",
        "simulation_baseline_not_active": "simulate again, compared with the version that is active now",
        ANOTHER_WAITS: "{message}",
    }
)


def recommended_actions(draft: Draft, findings: Iterable[Finding]) -> tuple[RecommendedAction, ...]:
    """Actions drawn from the last run's risks, the pooled units and the advisory findings, in this order, each once."""
    risks = draft.simulation.risks if draft.simulation else ()
    actions = (*_from_risks(draft, risks), *_from_units(draft), *_from_findings(_names(draft), findings))
    return tuple(
        dict.fromkeys(
            actions if is_editable(draft.config.status) else (_by_a_fork(draft, action) for action in actions)
        )
    )


def _by_a_fork(draft: Draft, action: RecommendedAction) -> RecommendedAction:
    """The advice for a version that cannot be edited: a fork, but for what waits, which is decided where it waits."""
    if action.code == ANOTHER_WAITS:
        return action
    return replace(action, text=f"in a fork, {action.text}", deep_link=config_screen(draft, "approve"))


def _from_risks(draft: Draft, risks: Iterable[Risk]) -> Iterator[RecommendedAction]:
    periods: dict[str, set[int]] = {}  # a run may list a risk once per period; the operator acts once
    for risk in risks:
        periods.setdefault(risk.code or "", set()).update(risk.periods)
    for code, when in periods.items():
        if code in RISK_ADVICE:
            text, link = RISK_ADVICE[code]
            yield RecommendedAction(code, text + _when(sorted(when)), link(draft))


def _when(periods: Sequence[int]) -> str:
    if not periods:
        return ""
    return f" in period{'s' if len(periods) > 1 else ''} {listed(periods)}"


def _from_units(draft: Draft) -> Iterator[RecommendedAction]:
    for unit in pooled_units(draft):
        if not filled(unit.quality_signal_source):
            text = f"add a quality signal to {quoted(unit.name) if unit.name else 'each unit'} before scaling"
            link = at_unit(draft, unit, "quality_signal_source").deep_link
            yield RecommendedAction("quality_signal_missing", text, link)


def _from_findings(names: Mapping[str | None, str], findings: Iterable[Finding]) -> Iterator[RecommendedAction]:
    for finding in findings:
        if finding.code in ADVISORY_ADVICE:
            name = names.get(finding.entity.id, "it")
            text = ADVISORY_ADVICE[finding.code].format(name=name, message=finding.message)
            yield RecommendedAction(finding.code, text, finding.deep_link)
