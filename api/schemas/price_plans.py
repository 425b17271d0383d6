"""What requests about price plans hold: fees, credits, prices by quantity, contracts of single customers (spec 4.2).

Fields say what a number or a name may be; what members say together (tiers that ascend, a package with its size) is
said by `rules.price_plan_problems`, which every door asks.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from marshmallow import fields, validate
from marshmallow.exceptions import ValidationError

from api.schemas.common import (
    Body,
    Document,
    Embedded,
    ExactNumber,
    Flag,
    GivenId,
    Identifier,
    choice,
    items,
    keyed_items,
    whole,
)
from rules.enums import ChangePolicy, PriceModel
from rules.price_plan_shape import MAX_OVERRIDES, MAX_PRICES, MAX_TIERS
from rules.ranges import LIMIT, MAX_DAYS
from simulation.canonical import Json


class PriceTierBody(Body):
    """Overage up to and including `up_to`, null for the last tier; the fee is charged once where a unit lies in it."""

    up_to = ExactNumber(above=0, allow_none=True)
    unit_price_usd = ExactNumber(minimum=0, required=True)
    flat_fee_usd = ExactNumber(minimum=0, allow_none=True)


class UnitPriceBody(Body):
    """How overage of a value unit is priced; of a `package`, `unit_price_usd` is the price of one whole package."""

    value_unit_id = Identifier(required=True)
    model = choice(PriceModel, required=True)
    package_size = whole(1, int(LIMIT) - 1, allow_none=True)
    tiers = fields.List(
        Embedded(PriceTierBody),
        required=True,
        validate=validate.Length(min=1, max=MAX_TIERS, error="Must have {min} to {max} items."),
    )


class PrepaidBody(Body):
    """Credits that are bought with every period, what they cost, and for how many days they last."""

    amount_usd = ExactNumber(minimum=0, required=True)
    price_usd = ExactNumber(minimum=0, required=True)
    expires_after_days = whole(1, MAX_DAYS, allow_none=True)


class ContractFields(Body):
    """What a plan says for everybody, and what a contract may say for one customer."""

    platform_fee_usd = ExactNumber(minimum=0, allow_none=True)
    minimum_commit_usd = ExactNumber(minimum=0, allow_none=True)
    true_up = Flag(allow_none=True)
    prepaid = Embedded(PrepaidBody, allow_none=True)
    unit_prices = keyed_items(Embedded(UnitPriceBody), "value_unit_id", MAX_PRICES, allow_none=True)


class ByPool(fields.Dict):
    """Quantities by pool_id; an error is of the pool, whether its id or its quantity is wrong."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(keys=Identifier(), values=ExactNumber(minimum=0), **kwargs)

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any) -> Document:
        try:
            quantities: Document = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]  # of the library
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            by_pool = {pool_id: list(chain(*each.values())) for pool_id, each in error.messages.items()}
            raise ValidationError(by_pool) from error
        return quantities


class PriceOverrideBody(ContractFields):
    """One customer's contract: what it leaves out is as the plan says; `included_quantity` is by pool_id.

    `prepaid: null` sells the customer no credits, and 0 asks for no fee or no commit.
    """

    customer_id = GivenId(required=True)
    included_quantity = ByPool(allow_none=True)


class PricePlanBody(ContractFields):
    """What each customer pays per period, beside and for what lies beyond the allowance; empty, it is no plan."""

    overrides = items(Embedded(PriceOverrideBody), MAX_OVERRIDES, allow_none=True)
    change_policy = choice(ChangePolicy, allow_none=True)
