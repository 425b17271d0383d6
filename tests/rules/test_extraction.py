"""What a text says about a product's economics: cards with the sentence they came from."""

from decimal import Decimal
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.extraction import MAX_CARDS, Card, Vocabulary, extract, is_per_unit

VOCABULARY = Vocabulary(
    metric={"gross_margin": "Gross margin", "paid_engagement_retention_90d": "Paid engagement retention (90 days)"},
    event={"video_render_completed": "video_render_completed"},
    segment={"ai_video_smb": "AI video, SMB", "enterprise": "Enterprise"},
    quality_signal={"csat": "CSAT"},
)


def cards(text: str) -> list[Card]:
    return list(extract(text, "pitch.md", VOCABULARY))


def said(text: str) -> set[tuple[str, str]]:
    return {(card.kind, card.value) for card in cards(text)}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("We charge $0.60 per minute.", "price", "0.6"),
        ("Each token sells for $0.0000025.", "price", "0.0000025"),
        ("The list price is 1,200 USD a year.", "price", "1200"),
        ("A render costs us 18 cents.", "cost", "0.18"),
        ("COGS come to $.05 each.", "cost", "0.05"),
        ("A minute costs us 0,18 USD.", "cost", "0.18"),
        ("A call costs $1.5e-3.", "cost", "0.0015"),
        ("The list price is 1.234,56 USD.", "price", "1234.56"),
        ("The list price is 1.234.567 USD.", "price", "1234567"),
        ("We pay $2 for compute.", "cost", "2"),
        ("Margins of 70,5 % are the aim.", "margin", "0.705"),
        ("The margin must stay above 68 %.", "margin", "0.68"),
        ("Margins of 70.5 percent are the aim.", "margin", "0.705"),
        ("We look for product-market fit.", "goal", "pmf_learning"),
        ("The quarter is about revenue growth.", "goal", "revenue"),
        ("Churn worries us.", "metric", "paid_engagement_retention_90d"),
        ("Gross margin comes first.", "metric", "gross_margin"),
        ("Small businesses buy it.", "segment", "ai_video_smb"),
        ("An enterprise wants it.", "segment", "enterprise"),
        ("One video_render_completed is one video.", "event", "video_render_completed"),
        ("After each video render completed we ask.", "event", "video_render_completed"),
        ("Customer satisfaction is asked in the app.", "quality_signal", "csat"),
        ("Most are on the Starter plan.", "plan", "Starter"),
        ("A plan called Studio comes next.", "plan", "Studio"),
    ],
)
def test_fixed_words_find_what_a_sentence_says(text: str, kind: str, value: str) -> None:
    assert (kind, value) in said(text)


@pytest.mark.parametrize(
    "text",
    [
        "We raised $4,000,000 in March.",
        "Usage grew by 68 %.",
        "Our plan is simple.",
        "The enterprises' neighbour: metrics.",
        "",
    ],
)
def test_an_amount_without_its_word_is_no_card(text: str) -> None:
    assert not {kind for kind, _ in said(text)} & {"price", "cost", "margin", "plan"}


@pytest.mark.parametrize(
    ("text", "value", "label"),
    [
        ("1,000 tokens cost us $0.003.", "0.000003", "cost $0.000003 per token ($0.003 per 1,000 tokens)"),
        ("We pay $0.003 per 1,000 tokens.", "0.000003", "cost $0.000003 per token ($0.003 per 1,000 tokens)"),
        ("Our cost is $3/1M tokens.", "0.000003", "cost $0.000003 per token ($3 per 1M tokens)"),
        ("It costs 3 USD for a million tokens.", "0.000003", "cost $0.000003 per token (3 USD per million tokens)"),
    ],
)
def test_an_amount_for_many_is_brought_to_one_and_says_for_how_many_it_was(text: str, value: str, label: str) -> None:
    (card,) = [card for card in cards(text) if card.kind == "cost"]
    assert (card.value, card.label, is_per_unit(card.label)) == (value, label, True)


@pytest.mark.parametrize("text", ["It costs $1 per 3 videos.", "It costs $0.003 per 1k."])
def test_an_amount_for_many_that_does_not_come_out_even_is_for_no_single_unit(text: str) -> None:
    (card,) = [card for card in cards(text) if card.kind == "cost"]
    assert not is_per_unit(card.label)


@pytest.mark.parametrize(
    "text", ["Spend cap $500 per customer.", "Cap spending at $500.", "Our monthly limit is $500."]
)
def test_a_cap_is_no_cost_and_no_price(text: str) -> None:
    assert not {kind for kind, _ in said(text)} & {"cost", "price"}


def test_where_a_text_has_decimal_commas_an_amount_that_can_mean_two_numbers_is_a_card_for_each() -> None:
    text = "A minute costs 0,18 USD. We charge 1,200 USD."
    assert {("cost", "0.18"), ("price", "1200"), ("price", "1.2")} <= said(text)


def test_the_nearer_word_decides_between_price_and_cost() -> None:
    found = said("A minute costs us $0.18 and we charge $0.60.")
    assert {("cost", "0.18"), ("price", "0.6")} <= found
    assert ("price", "0.18") not in found


def test_a_card_shows_the_sentence_it_came_from_and_where_that_stands() -> None:
    text = "# Pitch\n\n- We sell video.\n- We charge $0.60 per minute. It works.\n"
    price = next(card for card in cards(text) if card.kind == "price")
    assert (price.sentence, price.source, price.label) == (
        "We charge $0.60 per minute.",
        "pitch.md",
        "price $0.60 per minute",
    )
    assert price.state == "new"


def test_a_value_said_twice_is_one_card_with_its_first_sentence() -> None:
    found = [card for card in cards("We charge $2. Again: we charge $2.00.") if card.kind == "price"]
    assert [card.sentence for card in found] == ["We charge $2."]


def test_reading_again_gives_the_same_cards_with_the_same_ids() -> None:
    text = "Churn. We charge $1. The margin is 40 %."
    assert [card.as_dict() for card in cards(text)] == [card.as_dict() for card in cards(text)]
    assert len({card.card_id for card in cards(text)}) == len(cards(text))


@given(st.text(max_size=400))
def test_any_text_gives_at_most_sixty_cards_each_quoting_it(text: str) -> None:
    squeezed = " ".join(text.split())
    found = cards(text)
    assert len(found) <= MAX_CARDS
    for card in found:
        assert " ".join(card.sentence.split()) in squeezed


@given(st.decimals(min_value=0, max_value=10**9, places=8))
def test_a_price_is_kept_to_the_last_digit(price: Decimal) -> None:
    assert [Decimal(card.value) for card in cards(f"We charge ${price:f} each") if card.kind == "price"] == [price]


MANY_TERMS = Vocabulary(
    **{
        kind: {f"{kind}_{number}_of_all": f"{kind} {number} of all" for number in range(250)}
        for kind in ("metric", "event", "segment", "quality_signal")
    }
)


@pytest.mark.parametrize(
    "part",
    [
        " ",
        "a.\n",
        "cost $1 ",
        "thousand a is ",
        "we pay limit $1,234 cost $1.234 ",
        "metric_1_of_alls segment 2 of al ",
        "1,1.",
        "Plan ",
        "1 % margin ",
    ],
)
def test_four_hundred_thousand_characters_of_anything_are_read_in_seconds(part: str) -> None:
    text = (part * 400_000)[:400_000]
    begun = process_time()
    extract(text, "pitch.md", MANY_TERMS)
    assert process_time() - begun < 3
