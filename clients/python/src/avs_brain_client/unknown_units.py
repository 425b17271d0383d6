"""What becomes of a value unit that the config does not have: most often a name that was misspelt."""

from avs_brain_client.decide import Decision, outside_config
from avs_brain_client.errors import UnknownUnit
from avs_brain_client.plan import Plan
from avs_brain_client.problems import UNKNOWN_UNIT, Problems

DENY, ALLOW, RAISE = UNKNOWN_UNITS = ("deny", "allow", "raise")
PRODUCTION = "production"
MOST_NAMED = 20
"""How many unknown units are named in the problem."""


class UnknownUnits:
    """`policy`: deny, allow or raise; None: denied in production, where a name must not be misspelt, else allowed."""

    def __init__(self, policy: str | None, target_environment: str, problems: Problems) -> None:
        self._policy = policy or (DENY if target_environment == PRODUCTION else ALLOW)
        self._problems = problems
        self._names: dict[str, None] = {}

    def decision(self, plan: Plan, value_unit_id: str) -> Decision | None:
        """What to do about it; None for a unit that the config has, if only without a pool. Raises UnknownUnit."""
        if _has(plan, value_unit_id):
            return None
        self.tell(plan, value_unit_id)
        if self._policy == RAISE:
            raise UnknownUnit(f"Config {plan.config_version_id} has no value unit {value_unit_id!r}.")
        allowed = outside_config(plan)
        return allowed if self._policy == ALLOW else allowed._replace(allow=False, action="block")

    def tell(self, plan: Plan, value_unit_id: str) -> None:
        """Name it in the problems, unless the config has it."""
        if value_unit_id in self._names or len(self._names) >= MOST_NAMED or _has(plan, value_unit_id):
            return
        self._names[value_unit_id] = None
        names = ", ".join(map(repr, self._names))
        outcome = {DENY: "their use is denied", ALLOW: "nothing limits their use", RAISE: "calls about them raise"}
        text = f"Config {plan.config_version_id} has no value units {names}: {outcome[self._policy]}."
        self._problems.begin(UNKNOWN_UNIT, text)


def _has(plan: Plan, value_unit_id: str) -> bool:
    """Whether any of the terms name the unit, if only without a pool."""
    named = any(unit.value_unit_id == value_unit_id for unit in plan.document.units)
    return named or (plan.before is not None and _has(plan.before, value_unit_id))
