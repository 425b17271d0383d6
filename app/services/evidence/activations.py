"""Since when a version is enforced: from its activation, whatever moment its decision names (spec 7, Evidence)."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.runtime_config import RuntimeConfig
from app.models.simulation_run import SimulationRun
from app.services.configs.lookup import latest_completed_run
from rules.enums import ConfigStatus, TermsStart
from simulation.canonical import Json, parse_exact
from simulation.window import running_period

_WITH_THE_RUN = joinedload(RuntimeConfig.decision).joinedload(DecisionRecord.simulation_run)


@dataclass(frozen=True)
class Activation:
    """The moment from which apps enforce a version (None: never yet), and the run that it was decided on."""

    since: datetime | None
    run: SimulationRun | None


def first_activation(session: AnySession, config: ConfigVersion) -> Activation:
    """The first activation of a version; of one that was never decided on, its latest run.

    A decision may name a moment that had passed when it was taken: the version was not enforced before the decision.
    """
    of_the_config = sa.select(RuntimeConfig).filter_by(config_version_id=config.config_version_id)
    first = of_the_config.order_by(RuntimeConfig.sequence).limit(1).options(_WITH_THE_RUN)
    served: RuntimeConfig | None = session.scalar(first)
    if served is not None:
        return Activation(_enforced_from(parse_exact(served.document)), served.decision.simulation_run)
    return _without_a_document(session, config)


def _enforced_from(document: Json) -> datetime:
    """When the document was activated; where its terms start with the next period, the end of that moment's period.

    Terms whose amounts are shared out by days hold from the activation on.

    Apps may count periods from another day than the usual one; AVS Brain does not know it.
    """
    activated = datetime.fromisoformat(document["generated_at"])
    terms = document["governance"].get("terms") or {}
    return running_period(activated).end if terms.get("start") == TermsStart.NEXT_PERIOD else activated


def _without_a_document(session: AnySession, config: ConfigVersion) -> Activation:
    """A version that is still to come, that came from a seed file, or that nobody has decided on."""
    decided = sa.select(DecisionRecord).filter_by(config_version_id=config.config_version_id, withdrawn_at=None)
    first = decided.order_by(DecisionRecord.place, DecisionRecord.decision_id).limit(1)
    decision: DecisionRecord | None = session.scalar(first)
    if decision is None:
        return Activation(None, latest_completed_run(session, config.config_version_id))
    waits = config.status == ConfigStatus.APPROVED
    return Activation(None if waits else max(decision.effective_at, decision.created_at), decision.simulation_run)
