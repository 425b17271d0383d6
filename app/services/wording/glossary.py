"""Short explanations of the domain's words, shown on the spot beside the fields that use them. Pure.

Each is the entry of docs/glossary.md, word for word, so that a word means the same wherever somebody meets it.
"""

from collections.abc import Mapping

TERMS: Mapping[str, str] = {
    "Subject": "for whom a decision holds: workspace, segment, stage and target environment, always all four.",
    "Snapshot": "the frozen value units of a cycle; a config is judged on one.",
    "Exploration pool": "a pool that gives units away to customers who explore, before any other pool is drawn from.",
    "Graduation signal": "the sign by which you tell that a customer has finished exploring; a note, not a rule.",
    "Rail": "a limit that the app enforces: thresholds, spend cap, absolute caps, margin floor.",
    "Price book": "the name of the ledger's list of prices that a config bills from.",
    "Price plan": "what customers pay per period beside and for overage: fee, commit, credits, tiers, and contracts of "
    "single customers.",
    "Metric lens": "a metric that a config looks through besides the primary ones; declared by the config.",
}
"""Word → what it means, as the glossary has it."""
TERM_OF: Mapping[str, str] = {
    "value_unit_snapshot_version": "Snapshot",
    "exploration_pool_id": "Exploration pool",
    "graduation_signal": "Graduation signal",
    "price_book_ref": "Price book",
    "metric_lenses": "Metric lens",
}
"""The name of a control → the word that its label uses."""
