"""The billing patch as real ledgers take it: pure renderers, and the comparison with a ledger's export (spec 5)."""
