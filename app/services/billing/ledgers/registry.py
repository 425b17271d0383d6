"""Every ledger that a billing patch can be rendered for, in one place."""

from app.services.billing.ledgers import lago, metronome, openmeter, orb, stripe
from app.services.billing.ledgers.rendering import Ledger

LEDGERS: tuple[Ledger, ...] = (stripe.LEDGER, metronome.LEDGER, orb.LEDGER, openmeter.LEDGER, lago.LEDGER)
NAMES = tuple(ledger.name for ledger in LEDGERS)


def ledger_named(name: str) -> Ledger:
    """One of `NAMES`; anything else is the caller's fault and a KeyError."""
    return {ledger.name: ledger for ledger in LEDGERS}[name]
