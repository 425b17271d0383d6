"""Write N usage events as Parquet files in the layout of the usage event store, the same for the same N and seed.

    python benchmarks/generate_events.py 10_000_000 /tmp/events

10,000 customers over 120 days up to 2026-04-30, three event types: `video_render_completed` with output_minutes (to be
summed), `draft_export_created` (to be counted) and `project_opened` with project_id (to be counted distinctly).
"""

import argparse
from pathlib import Path

import duckdb

CUSTOMERS = 10_000
DAYS = 120
FILES = 4  # one per 30 days, as the store has one directory per month
SEED = 20260115

# Every column is a hash of the row's number, so neither threads nor batches can change a row.
_EVENTS = """
COPY (
  WITH rows AS (
    SELECT i,
           hash(i + {seed}) AS h,
           hash(i + {seed} + 1_000_000_007) AS g
    FROM range({first}, {last}) AS t(i)
  ), kinds AS (
    SELECT i, h, g, (h % 10)::INTEGER AS kind, ((g >> 8) % 40_000)::INTEGER AS hundredths FROM rows
  )
  SELECT
    format('evt_{{:012d}}', i) AS event_id,
    TIMESTAMP '2025-12-31'
      + to_microseconds((i * ({days} * 86_400_000_000 // {total}) + 1 + h % 1_000_000)::BIGINT) AS ts,
    CASE WHEN kind < 6 THEN 'video_render_completed' WHEN kind < 8 THEN 'draft_export_created'
         ELSE 'project_opened' END AS event_type,
    format('cust_{{:05d}}', ((h >> 16) % {customers})::BIGINT) AS customer_id,
    CASE WHEN (h >> 16) % {customers} % 4 = 0 THEN 'ai_video_enterprise' ELSE 'ai_video_smb' END AS segment,
    CASE WHEN kind < 8 THEN CASE WHEN g % 3 = 0 THEN '4K' ELSE 'HD' END END AS d_resolution,
    CASE WHEN kind < 6 THEN rtrim(rtrim((hundredths / 100)::DECIMAL(9, 2)::VARCHAR, '0'), '.') END AS d_output_minutes,
    CASE WHEN kind >= 8 THEN 'project_' || (g >> 20) % 300 END AS d_project_id,
    CASE WHEN kind < 6 THEN (hundredths::DECIMAL(38, 12) / 100)::DECIMAL(38, 12) END AS n_output_minutes
  FROM kinds
) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122_880)
"""


def generate(count: int, directory: Path, *, seed: int = SEED) -> list[Path]:
    """Write `count` events into `directory`, oldest file first, and return the files."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    with duckdb.connect() as connection:
        for number in range(FILES):
            path = directory / f"events_{count}_{number}.parquet"
            first, last = count * number // FILES, count * (number + 1) // FILES
            values = {"first": first, "last": last, "total": count, "path": path}
            connection.execute(_EVENTS.format(seed=seed, days=DAYS, customers=CUSTOMERS, **values))
            paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    for path in generate(arguments.count, arguments.directory, seed=arguments.seed):
        print(f"{path} {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
