"""The price plan of a draft as one form: fees, credits, prices of units with their tiers, contracts of customers."""

from collections.abc import Iterator, Mapping, Sequence

from wtforms import Field, Form, HiddenField, Label
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional

from admin_views.forms import (
    MAX_NAME_LENGTH,
    ChoiceField,
    ExactField,
    FormData,
    TextField,
    VersionedForm,
    WholeField,
    choices_of,
)
from admin_views.screens.authoring.keyed_rows import KeyedRow, KeyedRowsField, RowForm, controls_of_form
from admin_views.screens.authoring.pool_forms import Given
from rules.enums import ChangePolicy, PriceModel
from rules.price_plan import normalised
from rules.price_plan_problems import TIERED_MODELS
from rules.price_plan_shape import MAX_OVERRIDES, MAX_PRICES, MAX_TIERS
from rules.ranges import MAX_DAYS
from simulation.canonical import Json, JsonObject

MODELS = {
    PriceModel.PER_UNIT.value: "one price for each",
    PriceModel.GRADUATED.value: "graduated: each tier its own price",
    PriceModel.VOLUME.value: "volume: all at the price of the tier reached",
    PriceModel.PACKAGE.value: "packages, always whole ones",
}
AS_THE_PLAN = "as the plan"
TRUE_UP = {"yes": "bill what is missing to the commit", "no": "do not bill it"}
OWN, NONE = "own", "none"
CREDITS = {OWN: "credits of its own", NONE: "no credits"}
POLICIES = {
    ChangePolicy.AT_NEXT_PERIOD.value: "hold from each customer's next period on",
    ChangePolicy.PRORATE.value: "hold at once, fees and allowances shared by days",
}
DAYS_RANGE = NumberRange(1, MAX_DAYS, f"Give 1 to {MAX_DAYS} days, or nothing for no end.")


class TierForm(RowForm):
    """One tier: its end, blank for the last one, and what its units cost."""

    up_to = ExactField("Up to")
    unit_price_usd = ExactField("Price")
    flat_fee_usd = ExactField("Once reached")

    def document(self) -> JsonObject | None:
        if self.unit_price_usd.data is None:
            return None
        tier = {"up_to": self.up_to.data, "unit_price_usd": self.unit_price_usd.data}
        return tier if self.flat_fee_usd.data is None else {**tier, "flat_fee_usd": self.flat_fee_usd.data}

    @property
    def name(self) -> str:
        return f"Tier up to {self.up_to.data:f}" if self.up_to.data is not None else "Last tier"


class TiersField(KeyedRowsField[TierForm]):
    """The tiers of a price from the first unit beyond the allowance on."""

    row_class, max_rows, noun = TierForm, MAX_TIERS, "tier"


class UnitPriceForm(RowForm):
    """How the overage of one value unit is priced. A price that is no tiered one reads its first tier alone."""

    value_unit_id = ChoiceField("Value unit", [Given("Choose the unit that is priced.")], choices=[])
    model = ChoiceField("Priced by", [Given("Choose how it is priced.")], choices=choices_of(MODELS))
    package_size = ExactField("Units in a package")
    tiers = TiersField("Tiers")

    def __init__(self, formdata: FormData | None = None, **options: Json) -> None:
        super().__init__(formdata, **options)
        self.labels: Mapping[str, str] = {}

    def validate(self, extra_validators: Mapping[str, Sequence[object]] | None = None) -> bool:
        """Check the row; what its model does not use may hold anything."""
        is_fit = super().validate(extra_validators)
        if self.model.data != PriceModel.PACKAGE:
            self.package_size.errors = []
        elif self.package_size.data is None and not self.package_size.errors:
            self.package_size.errors = ["Say how many units are in a package."]
        if not self.is_tiered:
            for row in self.tiers.rows[1:]:
                _forget_errors(row.form)
            for row in self.tiers.rows[:1]:
                row.form.up_to.errors, row.form.flat_fee_usd.errors = [], []
        for row in self.used_tiers:
            if row.form.unit_price_usd.data is None and not row.form.unit_price_usd.errors:
                row.form.unit_price_usd.errors = ["Say the price; 0 is free."]
        return (is_fit or not self.tiers.errors) and not any(field.errors for field in self.controls())

    @property
    def is_tiered(self) -> bool:
        """Whether the model has several tiers."""
        return self.model.data in TIERED_MODELS

    @property
    def used_tiers(self) -> list[KeyedRow[TierForm]]:
        """The tiers that the model reads."""
        return self.tiers.kept if self.is_tiered else self.tiers.kept[:1]

    def document(self) -> JsonObject | None:
        if not self.value_unit_id.data or not self.model.data:
            return None
        tiers = [tier for row in self.used_tiers if (tier := row.form.document()) is not None]
        if not tiers:
            return None
        if not self.is_tiered:
            tiers = [{"up_to": None, "unit_price_usd": tiers[0]["unit_price_usd"]}]
        price = {"value_unit_id": self.value_unit_id.data, "model": self.model.data, "tiers": tiers}
        if self.model.data != PriceModel.PACKAGE:
            return price
        return None if self.package_size.data is None else {**price, "package_size": self.package_size.data}

    @property
    def name(self) -> str:
        unit_id = self.value_unit_id.data
        return f"Price of {self.labels.get(unit_id, unit_id)}" if unit_id else "New price"

    def offer(self, labels: Mapping[str, str]) -> None:
        """Fill the picker of units; the chosen one stays a choice even when no pool counts it."""
        self.labels = labels
        chosen = self.value_unit_id.data
        missing = {} if not chosen or chosen in labels else {chosen: f"{chosen} (in no pool)"}
        choices = [SelectChoice(key, text) for key, text in {**labels, **missing}.items()]
        self.value_unit_id.choices = [SelectChoice("", "choose"), *choices]


def _forget_errors(form: Form) -> None:
    """Let what a save does not store hold anything, rows within rows too."""
    for field in form:
        field.errors = []
        for row in field.rows if isinstance(field, KeyedRowsField) else ():
            _forget_errors(row.form)


class UnitPricesField(KeyedRowsField[UnitPriceForm]):
    """The prices of units; a unit without one is billed at its target price."""

    row_class, max_rows, noun = UnitPriceForm, MAX_PRICES, "price"

    def key_of(self, item: Mapping[str, Json], at: int) -> str:
        return str(item["value_unit_id"])

    def validate(self, form: Form, extra_validators: Sequence[object] = ()) -> bool:
        is_fit = super().validate(form, extra_validators)
        return self.refuse_repeated("value_unit_id", "This unit is priced twice: keep one price of it.") and is_fit

    def offer(self, labels: Mapping[str, str]) -> None:
        """Fill the picker of units of every row."""
        for row in self.rows:
            row.form.offer(labels)


class QuantityForm(RowForm):
    """The allowance of one pool; blank is what the pool says."""

    quantity = ExactField("Included")

    def document(self) -> JsonObject | None:
        return None if self.quantity.data is None else {"quantity": self.quantity.data}

    @property
    def name(self) -> str:
        return str(self.quantity.label.text)


class QuantitiesField(KeyedRowsField[QuantityForm]):
    """One customer's allowance of each pool, as a mapping of pool_id to quantity."""

    row_class, max_rows, noun = QuantityForm, 10_000, "allowance"

    def process(self, formdata: FormData | None, data: Json = None, extra_filters: object = None) -> None:
        items = [{"pool_id": pool_id, "quantity": quantity} for pool_id, quantity in (data or {}).items()]
        super().process(formdata, items)

    def key_of(self, item: Mapping[str, Json], at: int) -> str:
        return str(item["pool_id"])

    def offer(self, pools: Mapping[str, str]) -> None:
        """Give every pool a row, in their order; that of a pool that is gone stays while it says something."""
        rows = {row.key: row for row in self.rows}
        kept = [rows[key] for key in rows if key not in pools and rows[key].form.quantity.data is not None]
        self.rows = [rows.get(key) or self.row(key) for key in pools] + kept
        for row in self.rows:
            _name(row.form.quantity, row.path, pools.get(row.key, f"{row.key} (no pool of this config)"))

    def mapping(self) -> JsonObject:
        """pool_id → quantity, of the pools that say something."""
        return {row.key: row.form.quantity.data for row in self.kept if row.form.quantity.data is not None}


def _name(field: Field, path: str, text: str) -> None:
    """Give a control the id that a deep link ends with, and its label."""
    field.id = path
    field.label = Label(path, text)


class ContractFields(Form):
    """The amounts that a plan states for everybody, and a contract for one customer."""

    platform_fee_usd = ExactField("Platform fee")
    minimum_commit_usd = ExactField("Minimum commit")
    prepaid_amount_usd = ExactField("Credits")
    prepaid_price_usd = ExactField("Bought for")
    prepaid_expires_after_days = WholeField("Credits last", [Optional(), DAYS_RANGE])
    unit_prices = UnitPricesField("Prices beyond the allowance")

    def name_credits(self, prefix: str = "") -> None:
        """Give the controls of the credits the ids that deep links end with."""
        for member in ("amount_usd", "price_usd", "expires_after_days"):
            field = self[f"prepaid_{member}"]
            _name(field, f"{prefix}prepaid.{member}", field.label.text)

    def prepaid(self) -> JsonObject | None:
        """The credits; None while amount or price is missing."""
        amount, price = self.prepaid_amount_usd.data, self.prepaid_price_usd.data
        if amount is None or price is None:
            return None
        stated = {"amount_usd": amount, "price_usd": price}
        days = self.prepaid_expires_after_days.data
        return stated if days is None else {**stated, "expires_after_days": days}

    def check_credits(self, *, needed: bool = False) -> bool:
        """Say at its field which of amount and price is missing; both may be, unless credits are `needed`."""
        pair = (
            (self.prepaid_amount_usd, "Say how much can be drawn."),
            (self.prepaid_price_usd, "Say what the credits are bought for; 0 gives them away."),
        )
        days = self.prepaid_expires_after_days.data
        if not needed and days is None and all(field.data is None for field, _ in pair):
            return True
        missing = [(field, text) for field, text in pair if field.data is None and not field.errors]
        for field, text in missing:
            field.errors = [text]
        return not missing


def controls_of_contract(contract: Mapping[str, Json]) -> JsonObject:
    """The values of the controls for a plan or an override."""
    plain = {name: value for name, value in contract.items() if name not in ("prepaid", "true_up")}
    prepaid = contract.get("prepaid") or {}
    return plain | {f"prepaid_{name}": value for name, value in prepaid.items()}


class OverrideForm(ContractFields, RowForm):
    """One customer's contract: what is blank is as the plan says."""

    customer_id = TextField("Customer", [Given("Choose the customer."), Length(max=MAX_NAME_LENGTH)])
    true_up = ChoiceField("Below the commit", choices=choices_of(TRUE_UP, AS_THE_PLAN))
    credits = ChoiceField("Prepaid credits", choices=choices_of(CREDITS, AS_THE_PLAN))
    included_quantity = QuantitiesField("Included")

    def __init__(self, formdata: FormData | None = None, **options: Json) -> None:
        super().__init__(formdata, **options)
        self.name_credits(str(options.get("prefix", "")))

    def validate(self, extra_validators: Mapping[str, Sequence[object]] | None = None) -> bool:
        is_fit = super().validate(extra_validators)
        return (self.credits.data != OWN or self.check_credits(needed=True)) and is_fit

    def document(self) -> JsonObject | None:
        if not self.customer_id.data:
            return None
        document: JsonObject = {"customer_id": self.customer_id.data}
        for name in ("platform_fee_usd", "minimum_commit_usd"):
            if self[name].data is not None:
                document[name] = self[name].data
        if self.true_up.data:
            document["true_up"] = self.true_up.data == "yes"
        if self.credits.data == NONE or (self.credits.data == OWN and self.prepaid()):
            document["prepaid"] = self.prepaid() if self.credits.data == OWN else None
        prices, included = self.unit_prices.documents(), self.included_quantity.mapping()
        stated = {"unit_prices": prices, "included_quantity": included}
        return document | {name: value for name, value in stated.items() if value}

    @property
    def name(self) -> str:
        return f"Contract of {self.customer_id.data}" if self.customer_id.data else "New contract"


class OverridesField(KeyedRowsField[OverrideForm]):
    """The contracts of single customers, by customer_id."""

    row_class, max_rows, noun = OverrideForm, MAX_OVERRIDES, "contract"

    def key_of(self, item: Mapping[str, Json], at: int) -> str:
        return str(item["customer_id"])

    def controls_of(self, item: Mapping[str, Json]) -> JsonObject:
        stated = {"True": "yes", "False": "no"}.get(str(item.get("true_up")))
        kind = (OWN if item["prepaid"] else NONE) if "prepaid" in item else None
        return controls_of_contract(item) | {"true_up": stated, "credits": kind}

    def validate(self, form: Form, extra_validators: Sequence[object] = ()) -> bool:
        is_fit = super().validate(form, extra_validators)
        return self.refuse_repeated("customer_id", "This customer has two contracts: keep one.") and is_fit


class PricePlanForm(ContractFields, VersionedForm):
    """The controls of the price plan screen; `plan` is `THERE`, `GONE` when it was taken out, else blank."""

    THERE, GONE = "there", "gone"
    plan = HiddenField()
    true_up = ChoiceField("Below the commit", choices=choices_of(TRUE_UP))
    change_policy = ChoiceField("When a later version changes terms, they", choices=choices_of(POLICIES))
    overrides = OverridesField("Contracts")

    def __init__(self, formdata: FormData | None = None, **options: Json) -> None:
        super().__init__(formdata, **options)
        self.name_credits()

    @property
    def has_plan(self) -> bool:
        """Whether the config has a plan, as it is typed."""
        return bool(self.plan.data == self.THERE)

    def validate(self, extra_validators: Mapping[str, Sequence[object]] | None = None) -> bool:
        """Check what a save stores; of a plan that was taken out only whether the request may be trusted."""
        is_fit = super().validate(extra_validators)
        if not self.has_plan:
            token_errors = self.csrf_token.errors
            _forget_errors(self)
            self.csrf_token.errors = token_errors
            return not token_errors
        return self.check_credits() and is_fit

    def controls(self) -> Iterator[Field]:
        """Every control that may have errors."""
        return controls_of_form(self)

    def document(self) -> JsonObject | None:
        """The plan as configs keep it; what cannot be read counts as left out, and None is no plan."""
        if not self.has_plan:
            return None
        document: JsonObject = {
            "platform_fee_usd": self.platform_fee_usd.data,
            "minimum_commit_usd": self.minimum_commit_usd.data,
            "true_up": self.true_up.data != "no",
            "unit_prices": self.unit_prices.documents(),
            "overrides": self.overrides.documents(),
            "change_policy": self.change_policy.data,
        }
        if self.prepaid() is not None:
            document["prepaid"] = self.prepaid()
        return normalised(document)  # type: ignore[return-value]  # a plan is a JSON object

    def offer(self, units: Mapping[str, str], pools: Mapping[str, str]) -> None:
        """Fill the pickers of units, and give each contract an allowance of every pool."""
        self.unit_prices.offer(units)
        for row in self.overrides.rows:
            row.form.unit_prices.offer(units)
            row.form.included_quantity.offer(pools)


def controls_of_plan(plan: Mapping[str, Json] | None) -> JsonObject:
    """The values of the form's controls for a config's plan, or for none."""
    if plan is None:
        return {"plan": "", "true_up": "yes", "change_policy": ChangePolicy.AT_NEXT_PERIOD.value}
    return controls_of_contract(plan) | {
        "plan": PricePlanForm.THERE,
        "true_up": "no" if plan.get("true_up") is False else "yes",
        "change_policy": plan.get("change_policy") or ChangePolicy.AT_NEXT_PERIOD.value,
    }
