"""The decision log as the API gives it: summaries, one decision with all it stands on, two compared (spec 6)."""

from marshmallow import fields, validate

from api.schemas.authoring import Cycle
from api.schemas.billing import BillingPatch
from api.schemas.common import (
    MAY_BE_ABSENT,
    Answered,
    Body,
    Computed,
    GivenId,
    Identifier,
    Moment,
    PageQuery,
    Query,
    Shaped,
    choice,
    text,
)
from api.schemas.configs import Config
from api.schemas.decision import Decision, WaitingDecision
from api.schemas.evidence import Evidence
from api.schemas.simulation import Simulation
from api.schemas.snapshots import ValueUnitSnapshot
from api.shapes.decided import LatestAct, SubjectResolution
from api.shapes.named import named
from api.shapes.simulated import Window
from app.services.decisions.log import PREVIEW_CHARACTERS, SORTS
from rules.enums import (
    CompletenessStatus,
    DecisionStatus,
    DiffType,
    GoalType,
    Stage,
    TargetEnvironment,
)

OUTCOME = named(
    "OutcomePill",
    ("scheduled", "held_back", "withdrawn", "active", "archived", "rolled_back"),
    "What has become of a decision.",
)
SORT = named("DecisionSort", SORTS, "The order of a list of decisions.")
NUMBER_OR_NULL = {"type": ["number", "null"]}


class DecisionQuery(PageQuery):
    """Which decisions to list; `from` and `to` bound created_at; `q` searches rationale, approver, ids and segment."""

    workspace_id = Identifier()
    segment = GivenId()
    stage = choice(Stage)
    target_environment = choice(TargetEnvironment)
    status = choice(DecisionStatus)
    goal_type = choice(GoalType)
    since = Moment(data_key="from")
    until = Moment(data_key="to")
    q = text()
    sort = choice(SORT, load_default="newest")


class DecisionSummary(Answered):
    """A decision as the log shows it."""

    decision_id = fields.String()
    cycle_id = fields.String()
    goal_type = choice(GoalType, allow_none=True)
    config_version_id = fields.String()
    config_version = fields.Integer(metadata={"description": "The version's number within its subject."})
    config_name = fields.String(allow_none=True, metadata={"description": "What operators call the version."})
    baseline_config_version_id = fields.String(allow_none=True)
    subject_resolution = Shaped(SubjectResolution)
    status = choice(DecisionStatus)
    diff_type = choice(DiffType)
    approver_name = fields.String()
    approver_role = fields.String()
    effective_at = Moment()
    withdrawn_at = Moment(allow_none=True)
    created_at = Moment()
    outcome_pill = choice(OUTCOME)
    risk_pills = fields.List(fields.String(), metadata={"description": "Codes of the run's risks, each once."})
    sim_deltas = Computed(
        {
            "type": "object",
            "additionalProperties": NUMBER_OR_NULL,
            "description": "Candidate minus baseline: revenue_usd, cost_usd, margin and every declared metric.",
        }
    )
    rationale_preview = fields.String(validate=validate.Length(max=PREVIEW_CHARACTERS))
    latest_act = Shaped(LatestAct | None)


class UnitCompleteness(Answered):
    """How complete a frozen unit is, and the fields that it lacks."""

    status = choice(CompletenessStatus)
    missing = fields.List(fields.String())


class DecidedSnapshot(ValueUnitSnapshot):
    """The snapshot of a decision, with the completeness of each of its units by value_unit_id."""

    completeness = fields.Dict(keys=fields.String(), values=fields.Nested(UnitCompleteness))


class DecisionDetail(Answered):
    """A decision with every record it stands on, and what came back from the apps."""

    decision_record = fields.Nested(Decision)
    outcome_pill = choice(OUTCOME)
    scheduled = fields.List(
        fields.Nested(WaitingDecision),
        metadata={"description": "All that waits for the subject, this decision too while it does; held back first."},
    )
    config_version = fields.Nested(Config)
    cycle = fields.Nested(Cycle)
    simulation_run = fields.Nested(Simulation)
    billing_patch = fields.Nested(BillingPatch)
    value_unit_snapshot = fields.Nested(DecidedSnapshot, allow_none=True)
    evidence = fields.Nested(Evidence)


class CompareQuery(Query):
    """The two decisions, of one workspace."""

    decision_id_a = Identifier(required=True)
    decision_id_b = Identifier(required=True)


class DiffRow(Answered):
    """One field of one item on both sides; null where it is not set."""

    item = fields.String()
    field = fields.String()
    a = Computed({"description": "Any JSON value."})
    b = Computed({"description": "Any JSON value."})
    changed = fields.Boolean()


class DiffTables(Answered):
    """The tables of flow 6C."""

    pools = fields.List(fields.Nested(DiffRow))
    rails = fields.List(fields.Nested(DiffRow))
    exploration = fields.List(fields.Nested(DiffRow))
    unit_economics = fields.List(fields.Nested(DiffRow))
    price_plan = fields.List(
        fields.Nested(DiffRow), metadata={"description": "Only where either has a price plan.", MAY_BE_ABSENT: True}
    )


class SimulatedFigure(Answered):
    """A figure of both runs' candidates; the difference is b − a."""

    metric_id = fields.String()
    a = Computed(NUMBER_OR_NULL)
    b = Computed(NUMBER_OR_NULL)
    difference = Computed(NUMBER_OR_NULL)


class AskedOfRun(Answered):
    """What a run was asked, as far as its figures depend on it; null where the run does not say."""

    pricing_mode = fields.String(allow_none=True)
    historical_window_days = Shaped(Window | None)
    as_of = fields.String(allow_none=True)
    segment = fields.String(allow_none=True)
    include_exploration_in_results = fields.Boolean(allow_none=True)


class SimulationBasis(Answered):
    """What both runs were asked; with anything in `differs`, no figure of one is better than the other's."""

    a = fields.Nested(AskedOfRun)
    b = fields.Nested(AskedOfRun)
    differs = fields.List(fields.String())


class DecisionComparison(Answered):
    """Two decisions side by side."""

    a = fields.Nested(DecisionSummary)
    b = fields.Nested(DecisionSummary)
    diff_tables = fields.Nested(DiffTables)
    simulation_basis = fields.Nested(SimulationBasis)
    simulation_comparison = fields.List(fields.Nested(SimulatedFigure))


class ForkBody(Body):
    """Where the new draft goes; segment and stage default to the source's."""

    cycle_id = Identifier(required=True)
    target_environment = choice(TargetEnvironment, required=True)
    segment = GivenId()
    stage = choice(Stage)


class Fork(Answered):
    """The new draft, and the screen to go on with."""

    new_config_version_id = fields.String()
    route_next = fields.String()
