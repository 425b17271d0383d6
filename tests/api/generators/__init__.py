"""Clients that the usual generators make from the published description, checked strictly and run."""
