"""Every ledger that a billing patch can be rendered for, in one place."""

from app.services.billing.ledgers import lago, metronome, openmeter, orb, stripe
from app.services.billing.ledgers.rendering import Ledger

LEDGERS: tuple[Ledger, ...] = (stripe.LEDGER, metronome.LEDGER, orb.LEDGER, openmeter.LEDGER, lago.LEDGER)
NAMES = tuple(ledger.name for ledger in LEDGERS)


def ledger_named(name: str) -> Ledger:
    """The ledger with this name, which is one of `NAMES`; a KeyError for any other."""
    return {ledger.name: ledger for ledger in LEDGERS}[name]
