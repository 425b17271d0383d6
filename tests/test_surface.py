"""The whole HTTP surface at a glance: what is open, what writes, what is read-only."""
