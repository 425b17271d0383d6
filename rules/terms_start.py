"""When terms start: what the change policy of a price plan makes the usual choice, and how pages say it (spec 2).

A plan says what the version that follows it does to a period under way. So the plan in force speaks first; where none
is, the plan that comes; where neither has one, terms hold at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rules.draft import Draft, TermsChoice
from rules.enums import ChangePolicy, TermsStart
from rules.finding import Finding, Gate
from rules.places import at_config
from rules.price_plan import StoredPlan
from rules.wording import THIS_CONFIG, words

OF_POLICY: Mapping[str, TermsStart] = {
    ChangePolicy.AT_NEXT_PERIOD.value: TermsStart.NEXT_PERIOD,
    ChangePolicy.PRORATE.value: TermsStart.PRORATED,
}
"""What a change policy says of the terms of the version that follows."""
SAID: Mapping[str, str] = {
    TermsStart.AT_ONCE.value: "at once",
    TermsStart.NEXT_PERIOD.value: "from each customer's next period on",
    TermsStart.PRORATED.value: "at once, the amounts of the running period shared out by its days",
}
"""From when terms hold, at the end of a sentence about them."""


@dataclass(frozen=True)
class UsualStart:
    """When terms start unless the decision says otherwise; the policy that says so, None where no plan has one.

    `in_force` says whether that is the policy of the version that is replaced, rather than the candidate's own.
    """

    start: TermsStart = TermsStart.AT_ONCE
    change_policy: str | None = None
    in_force: bool = True


def usual_start(replaces_one: bool, in_force: StoredPlan | None, own: StoredPlan | None) -> UsualStart:
    """The usual start of a candidate with its `own` plan over a version with the plan `in_force`; either may be None.

    A first version (`replaces_one` is false) holds at once: there are no terms that a running period could go on by.
    """
    plan = in_force or own
    if not (replaces_one and plan):
        return UsualStart()
    policy: str = plan.get("change_policy") or ChangePolicy.AT_NEXT_PERIOD.value
    return UsualStart(OF_POLICY[policy], policy, in_force=bool(in_force))


def clause(terms_start: str) -> str:
    """How a page goes on after the moment of a decision: `, its terms from …`; nothing where they hold at once."""
    return "" if terms_start == TermsStart.AT_ONCE else f", its terms {SAID[terms_start]}"


def the_change_policy_is_followed(draft: Draft) -> Iterator[Finding]:
    """Advisory: a decision lets terms start otherwise than the change policy says that customers were promised."""
    choice = draft.terms_choice
    if choice is None or choice.chosen == choice.usual:
        return
    yield Finding(
        "change_policy_not_followed", Gate.ADVISORY, _sentence(choice), *at_config(draft, "terms_start", "approve")
    )


def _sentence(choice: TermsChoice) -> str:
    whose = "the version before it" if choice.in_force else "its own price plan"
    return (
        f"{THIS_CONFIG} was approved with terms that hold {SAID[choice.chosen]}, while the change policy of {whose}, "
        f"“{words(choice.change_policy)}”, says {SAID[choice.usual]}. Tell the customers that it concerns, "
        "or approve another version as the policy says."
    )
