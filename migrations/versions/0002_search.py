"""search: full-text indexes over the tables that have a grid, and the orders that the grids page through

One row is one document of words. SQLite keeps them in contentless FTS5 tables `search_<table>`, fed by triggers and joined
by rowid; the views `words_<table>` say what each was fed, so that it can be filled again. PostgreSQL keeps a GIN index over
`search_words(...)`, which cuts words at the same characters. Only the first 8,000 characters of a row are indexed, so that
no pasted text can exceed what a tsvector holds. Product events, billing patches and runtime configs have no words: every
activation writes some, they hold identifiers only, and they are found by the beginnings of plain indexed columns.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LONGEST = 8000

# What a search reads, per table. A later migration that rebuilds one of these tables on SQLite (batch mode copies the
# table) has to drop and fill its search table again: triggers go with the old copy and rowids change.
SEARCHED = {
    "workspaces": ("workspace_id", "workspace_name"),
    "cycles": ("cycle_id", "cycle_name", "segments", "primary_metrics", "narrative"),
    "cycle_draft_contexts": ("cycle_draft_context_id", "cycle_id", "pasted_text"),
    "value_unit_definitions": (
        "value_unit_id",
        "name",
        "event_mapping",
        "outcome_statement",
        "quality_signal_source",
        "quality_note",
    ),
    "value_unit_snapshots": ("value_unit_snapshot_id", "cycle_id", "value_unit_ids"),
    "config_versions": ("config_version_id", "cycle_id", "segment", "price_book_ref"),
    "pools": ("config_version_id", "pool_id", "label", "value_unit_id"),
    "exploration_rules": ("config_version_id", "exploration_pool_id", "qualifying_events", "graduation_signal"),
    "rail_rules": ("config_version_id",),
    "simulation_runs": ("simulation_run_id", "candidate_config_version_id", "baseline_config_version_id"),
    "decision_records": ("decision_id", "config_version_id", "segment", "approver_name", "approver_role", "rationale"),
    "enforcement_events": ("enforcement_event_id", "customer_id", "config_version_id", "event_type", "context"),
    "enforcement_repeats": ("client_id", "enforcement_event_id"),
    "usage_imports": ("usage_import_id", "source"),
    "learning_log_entries": ("learning_log_entry_id", "cycle_id", "kind"),
    "event_catalog": ("event_type", "description", "dimensions"),
    "metric_catalog": ("metric_id", "label"),
    "quality_signal_catalog": ("signal_id", "label", "source"),
    "segment_catalog": ("segment_id", "label", "description"),
    "customers": ("customer_id", "name", "segment"),
}

INDEXES = (
    ("ix_workspaces_page", "workspaces", ("created_at", "workspace_id")),
    ("ix_cycles_page", "cycles", ("created_at", "cycle_id")),
    ("ix_cycle_draft_contexts_page", "cycle_draft_contexts", ("created_at", "cycle_draft_context_id")),
    ("ix_value_unit_definitions_page", "value_unit_definitions", ("created_at", "value_unit_id")),
    ("ix_value_unit_snapshots_page", "value_unit_snapshots", ("created_at", "value_unit_snapshot_id")),
    ("ix_config_versions_page", "config_versions", ("created_at", "config_version_id")),
    ("ix_simulation_runs_page", "simulation_runs", ("created_at", "simulation_run_id")),
    ("ix_decision_records_page", "decision_records", ("created_at", "decision_id")),
    ("ix_billing_patches_page", "billing_patches", ("created_at", "billing_patch_id")),
    ("ix_runtime_configs_page", "runtime_configs", ("created_at", "decision_id")),
    ("ix_usage_imports_page", "usage_imports", ("created_at", "usage_import_id")),
    ("ix_learning_log_entries_page", "learning_log_entries", ("created_at", "learning_log_entry_id")),
    ("ix_enforcement_events_page", "enforcement_events", ("occurred_at", "enforcement_event_id")),
    ("ix_enforcement_repeats_page", "enforcement_repeats", ("received_at", "workspace_id", "client_id", "sequence")),
    ("ix_enforcement_events_type_page", "enforcement_events", ("event_type", "occurred_at", "enforcement_event_id")),
    (
        "ix_enforcement_events_config_page",
        "enforcement_events",
        ("config_version_id", "occurred_at", "enforcement_event_id"),
    ),
    ("ix_product_events_page", "product_events", ("occurred_at", "product_event_id")),
    ("ix_product_events_name_page", "product_events", ("event_name", "occurred_at", "product_event_id")),
    ("ix_product_events_actor_page", "product_events", ("actor", "occurred_at", "product_event_id")),
)


def upgrade():
    for name, table, columns in INDEXES:
        op.create_index(name, table, list(columns))
    if op.get_bind().dialect.name == "sqlite":
        for table, columns in SEARCHED.items():
            _fts5(table, columns)
    else:
        op.get_bind().exec_driver_sql(WORDS)  # text() would read [:alnum:] as a parameter
        for table, columns in SEARCHED.items():
            op.execute(f"CREATE INDEX ix_{table}_search ON {table} USING gin (search_words({_document(columns)}))")


def downgrade():
    if op.get_bind().dialect.name == "sqlite":
        for table in SEARCHED:
            for moment in ("insert", "delete", "update"):
                op.execute(f"DROP TRIGGER search_{table}_{moment}")
            op.execute(f"DROP VIEW words_{table}")
            op.execute(f"DROP TABLE search_{table}")
    else:
        for table in SEARCHED:
            op.execute(f"DROP INDEX ix_{table}_search")
        op.execute("DROP FUNCTION search_words(text)")
    for name, table, _columns in INDEXES:
        op.drop_index(name, table)


WORDS = f"""
CREATE FUNCTION search_words(document text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_tsvector('simple', regexp_replace(left(document, {LONGEST}), '[^[:alnum:]]+', ' ', 'g'))
"""


def _document(columns, row=""):
    return " || ' ' || ".join(f"coalesce({row}{column}, '')" for column in columns)


def _fts5(table, columns):
    def words(row):
        return f"substr({_document(columns, row)}, 1, {LONGEST})"

    index = f"search_{table}"
    add = f"INSERT INTO {index}(rowid, words) VALUES (new.rowid, {words('new.')});"
    drop = f"INSERT INTO {index}({index}, rowid, words) VALUES ('delete', old.rowid, {words('old.')});"
    run = op.get_bind().exec_driver_sql
    run(
        f"CREATE VIRTUAL TABLE {index} USING "
        "fts5(words, content='', columnsize=0, tokenize='unicode61 remove_diacritics 0')"
    )
    run(f"INSERT INTO {index}({index}, rank) VALUES ('automerge', 8)")  # fewer merges: writers pay less per commit
    run(f"CREATE VIEW words_{table} AS SELECT rowid AS id, {words('')} AS words FROM {table}")
    run(f"INSERT INTO {index}(rowid, words) SELECT id, words FROM words_{table}")
    run(f"CREATE TRIGGER {index}_insert AFTER INSERT ON {table} BEGIN {add} END")
    run(f"CREATE TRIGGER {index}_delete AFTER DELETE ON {table} BEGIN {drop} END")
    run(f"CREATE TRIGGER {index}_update AFTER UPDATE OF {', '.join(columns)} ON {table} BEGIN {drop} {add} END")
