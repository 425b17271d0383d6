"""The published JSON Schema of `avs_config`: what an enforcing client reads, one file of the package (spec 5)."""

from pathlib import Path

AVS_CONFIG_SCHEMA = (Path(__file__).parent / "schemas" / "avs_config.json").read_bytes()
"""JSON Schema 2020-12, as it is served."""
