"""The generated seed files are what the services make today, byte for byte."""

from datetime import datetime
from pathlib import Path

from seed.generate import DECISIONS, GENERATED, regenerated
from seed.loader import SEED_DIR
from seed.reading import read_files


def test_regenerating_gives_the_same_bytes(directory: Path) -> None:
    for file in GENERATED:
        (directory / file).unlink()
    texts = regenerated(directory)
    assert tuple(texts) == GENERATED
    for file, text in texts.items():
        assert text == (SEED_DIR / file).read_text(encoding="utf-8"), f"{file}: run python -m seed.generate"


def test_configs_say_what_their_decisions_made_of_them() -> None:
    files, _ = read_files(SEED_DIR)
    for step in DECISIONS:
        config = files.find("configs.json", step.config_version_id)
        assert config is not None
        effective_at: datetime = step.effective_at or step.decided_at
        assert (config["status"], config["effective_at"], config["updated_at"]) == (
            "active",
            effective_at,
            effective_at,
        )
