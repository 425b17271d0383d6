"""The billing patch in the words of real ledgers: pure renderers, and how a ledger's export differs (spec 5)."""
