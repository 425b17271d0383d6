"""The command line: `avs …`, or `flask avs …`. What the API does can be scripted; `--json` prints what it would answer.

Each command parses, calls one service, commits and prints, like an API resource.
"""

import os
import resource
import socket
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from flask_migrate import upgrade
from sqlalchemy.exc import OperationalError, ProgrammingError

from app import clock
from app.actor import Actor
from app.commands import evidence as evidence_command
from app.commands import export as ledger_commands
from app.commands import publish as publish_commands
from app.errors import AvsError
from app.extensions import publisher, signing_keys, uploads, usage_events
from app.models.base import db
from app.models.transactions import write
from app.services.configs.completeness import completeness_of
from app.services.configs.lookup import get_config
from app.services.decisions import activation
from app.services.delivery import current
from app.services.search import rebuild as rebuild_indexes
from app.services.simulations import runs
from app.services.usage import imports
from app.services.usage.stats import usage_stats
from rules.enums import CompletenessStatus, HistoricalWindow, PricingMode, Stage, TargetEnvironment
from seed.loader import ensure_seeded, load_seed
from simulation.canonical import canonical_text

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
OPERATOR = Actor("command line")
STOPPED_WITHIN = "10"
"""Seconds for requests under way when the server is told to stop; listeners come back to another one."""
SERVED_BY = (
    *("--interface", "asgi", "--loop", "uvloop", "--http", "1", "--no-ws"),
    *("--backlog", "4096", "--backpressure", "16384"),
    *("--factory", "app.server:application"),
)
"""What granian is told. A listener keeps its connection, and unless told, all workers together hold 1,024 of them."""
SWEEP_GRACE = timedelta(hours=1)  # longer than any simulation reads its files
IMPORT_FIELDS = (
    "usage_import_id",
    "workspace_id",
    "source",
    "rows_read",
    "rows_accepted",
    "rows_duplicate",
    "rows_rejected",
)

MOMENT = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"])
as_json = click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON.")


@click.group()
def avs() -> None:
    """Decide, simulate, approve and deliver AVS configs."""


def command(group: click.Group, name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose refusals are printed as sentences with exit status 1, not as tracebacks."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except AvsError as error:
                lines = [error.detail, *(f"  {item.pointer}: {item.detail}" for item in error.errors)]
                lines += [f"  {finding.code}: {finding.message}" for finding in error.findings]
                raise click.ClickException("\n".join(lines)) from error
            except (OperationalError, ProgrammingError) as error:
                if sa.inspect(db.engine).has_table("alembic_version"):
                    raise
                raise click.ClickException(f"{db.engine.url!r} is empty: run `avs seed` first.") from error

        return group.command(name)(guarded)

    return decorate


def show(document: Any, machine: bool, lines: list[str]) -> None:
    """The document as canonical JSON, or its lines for a person."""
    click.echo(canonical_text(document) if machine else "\n".join(lines))


@command(avs)
@click.option("--host", default="127.0.0.1", show_default=True, envvar="HOST")
@click.option("--port", default=5000, show_default=True, envvar="PORT")
@click.option("--workers", default=2, show_default=True, help="Server processes.")
def serve(host: str, port: int, workers: int) -> None:
    """Migrate, seed on first start, and serve with granian."""
    if host not in ("127.0.0.1", "::1", "localhost") and not os.environ.get("AVS_API_TOKEN"):
        raise click.ClickException(f"Set AVS_API_TOKEN before serving on {host}: without it every route is open.")
    if (found := publisher()) is not None:
        found.store.require()
    _require_free(host, port)
    upgrade()
    store = usage_events().store
    store.sweep(clock.now(), SWEEP_GRACE)
    uploads().sweep(clock.now())
    report = ensure_seeded(db.session, store, now=clock.now())
    db.session.remove()
    db.engine.dispose()
    address = f"http://{host}:{port}"
    click.echo(
        f"AVS Brain on {address}{'' if report is None else ' (seeded the Lumina demo)'}\n"
        f"  {address}/           the screens, from an empty workspace to an active config\n"
        f"  {address}/admin/     every table\n"
        f"  {address}/api/docs   the API, to read and try\n"
        f"  {address}/api/runtime/config?workspace_id=ws_1049&segment=ai_video_smb"
        "&stage=learning&target_environment=production\n"
        "  avs simulate cfg_smb_learning_prod_v2_candidate --window mocked",
    )
    sys.stdout.flush()
    granian = str(Path(sys.executable).with_name("granian"))
    where = ["--host", host, "--port", str(port), "--workers", str(workers), "--workers-kill-timeout", STOPPED_WITHIN]
    _allow_open_files()
    os.execv(granian, [granian, *where, "--log-level", "warning", *SERVED_BY])  # noqa: S606


def _allow_open_files() -> None:
    """As many as the machine lets this process have: each listener is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _require_free(host: str, port: int) -> None:
    """Say that a port is taken before minutes of seeding, and in words."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise click.ClickException(
            f"Port {port} on {host}: {error.strerror}. Choose another: PORT=5001 make run"
        ) from error


command(avs, "publish")(publish_commands.publish)


@command(avs)
@as_json
def seed(as_json: bool) -> None:
    """Load the demo data, or what is missing of it; what operators changed stays."""
    upgrade()
    report = load_seed(db.session, usage_events().store, now=clock.now())
    document = {"changed": report.changed, "added": report.added, "usage_events_added": report.usage_events_added}
    lines = ["Seeded the Lumina demo." if report.changed else "The demo data is there already."]
    show(document, as_json, lines)


@command(avs)
@click.argument("config_version_id")
@as_json
def check(config_version_id: str, as_json: bool) -> None:
    """Evaluate every rule for a config; exit status 1 when a gate blocks it."""
    found = completeness_of(db.session, config_version_id)
    lines = [f"{config_version_id} is {found['pill']}."]
    lines += [f"  [{item['gate']}] {item['code']}: {item['message']}" for item in found["findings"]]
    show(found, as_json, lines)
    if found["pill"] != CompletenessStatus.GREEN.value:
        raise SystemExit(1)


@command(avs)
@click.argument("config_version_id")
@click.option("--window", type=click.Choice([item.value for item in HistoricalWindow]), default="90", show_default=True)
@click.option("--baseline", help="A config version, or 'none'; the subject's active one when left out.")
@click.option("--pricing-mode", type=click.Choice([item.value for item in PricingMode]), default="use_unit_economics")
@click.option("--all-segments", is_flag=True, help="Count usage of every segment, not only the config's.")
@click.option("--without-exploration", is_flag=True, help="Leave exploration pools out of the results.")
@click.option("--as-of", type=MOMENT, help="End of the window; the newest event when left out.")
@as_json
def simulate(config_version_id: str, baseline: str | None, all_segments: bool, as_json: bool, **options: Any) -> None:
    """Replay usage through a candidate config and keep the run."""
    config = get_config(db.session, config_version_id)
    inputs = {
        "historical_window_days": options["window"],
        "filters": {"segment": None} if all_segments else {},
        "pricing_mode": options["pricing_mode"],
        "include_exploration_in_results": not options["without_exploration"],
        "as_of": options["as_of"],
    }
    if baseline is not None:
        inputs["baseline_config_version_id"] = None if baseline == "none" else baseline
    request = runs.request_from(inputs, config)
    run = runs.simulate(db.session, usage_events(), request, actor=OPERATOR, now=clock.now())
    document = {"simulation_run_id": run.simulation_run_id, "inputs": run.inputs, "outputs": run.outputs}
    show(document, as_json, [run.simulation_run_id, *_economics(run.outputs or {})])


def _economics(outputs: Any) -> list[str]:
    sides = outputs["economics"]
    lines = [
        f"  {name:<9} revenue {side['revenue_usd']}  cost {side['cost_usd']}  margin {side['margin']}"
        for name in ("candidate", "baseline", "delta")
        if (side := sides.get(name))
    ]
    lines += [f"  risk: {risk['code']}: {risk['detail']}" for risk in outputs["risks"]]
    return lines + [f"  blocking: {issue['code']}: {issue['message']}" for issue in outputs["blocking_issues"]]


@command(avs)
@click.argument("config_version_id")
@click.argument("simulation_run_id")
@click.option("--approver", required=True, help="Name of who decides.")
@click.option("--role", required=True, help="Role of who decides.")
@click.option("--rationale", required=True, help="Why; the decision log keeps it.")
@click.option("--effective-at", type=MOMENT, help="Now when left out.")
@as_json
def approve(
    config_version_id: str,
    simulation_run_id: str,
    approver: str,
    role: str,
    rationale: str,
    effective_at: datetime | None,
    as_json: bool,
) -> None:
    """Decide for a candidate: it becomes active, and the prior version is archived."""
    approval = activation.Approval(approver, role, rationale, effective_at)
    with write(db.session):
        decision = activation.approve(
            db.session, config_version_id, simulation_run_id, approval, actor=OPERATOR, now=clock.now()
        )
    document = {"decision_id": decision.decision_id, "config_version_id": config_version_id, "diff": decision.diff}
    when = decision.effective_at.strftime("%Y-%m-%d %H:%M UTC")
    show(document, as_json, [f"{decision.decision_id}: {config_version_id} holds from {when}."])


@command(avs, "activate-due")
@as_json
def activate_due(as_json: bool) -> None:
    """Promote approved configs whose effective_at has come."""
    with write(db.session):
        ids = activation.activate_due(db.session, now=clock.now())
    show({"activated": ids}, as_json, [f"activated {item}" for item in ids] or ["Nothing is due."])


@avs.group()
def usage() -> None:
    """Usage events: what simulations ask."""


def pairs(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """`--map ts=TIMESTAMP --map …` as a mapping."""
    if wrong := [value for value in values if "=" not in value]:
        raise click.BadParameter(f"{wrong[0]!r} is not of the form field=value")
    return dict(value.split("=", 1) for value in values)


@command(usage, "import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--workspace", "workspace_id", default="ws_1049", show_default=True)
@click.option(
    "--map", "mapping", multiple=True, callback=pairs, metavar="FIELD=COLUMN", help="Take a field from a column."
)
@click.option(
    "--set", "constants", multiple=True, callback=pairs, metavar="FIELD=VALUE", help="Set a field on every row."
)
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Leave a column out.")
@click.option("--extend-catalog", is_flag=True, help="Add unknown event types and dimensions instead of rejecting.")
@click.option(
    "--rejects", type=click.Path(path_type=Path), help="Where rejected rows go; FILE.rejects.csv when left out."
)
@as_json
def usage_import(file: Path, rejects: Path | None, as_json: bool, **options: Any) -> None:
    """Import a CSV, JSON Lines or Parquet FILE; a second time counts nothing twice."""
    with click.progressbar(
        length=0, label=f"Reading {file.name}", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.length = total or 0
            bar.update(done - bar.pos)

        row, report = imports.import_usage(
            db.session,
            usage_events().store,
            path=file,
            rejects_path=rejects or file.with_name(f"{file.name}.rejects.csv"),
            progress=progress,
            actor=OPERATOR,
            now=clock.now(),
            **options,
        )
    document = {name: getattr(row, name) for name in IMPORT_FIELDS} | {"reasons": dict(report.reasons)}
    lines = [
        f"{file.name}: read {report.read:,}, accepted {report.accepted:,}, "
        f"duplicates {report.duplicates:,}, rejected {report.rejected:,}"
    ]
    lines += [f"  {count:,} × {reason}" for reason, count in report.reasons.items()]
    lines += [f"  rejected rows: {report.rejects_path}"] if report.rejects_path else []
    show(document, as_json, lines)


@command(usage, "stats")
@click.option("--workspace", "workspace_id", default="ws_1049", show_default=True)
@as_json
def stats(workspace_id: str, as_json: bool) -> None:
    """Count the events of a workspace by event type and customer, with the sum of every numeric dimension."""
    rows = usage_stats(usage_events().store, workspace_id)
    lines = [
        f"{row.event_type}  {row.customer_id}  {row.events:,} events"
        + "".join(f"  {name} {total:,}" for name, total in row.sums.items())
        for row in rows
    ]
    document = [
        {
            "event_type": row.event_type,
            "customer_id": row.customer_id,
            "events": row.events,
            "first_ts": row.first_ts,
            "last_ts": row.last_ts,
            "sums": row.sums,
        }
        for row in rows
    ]
    show(document, as_json, lines or [f"Workspace {workspace_id} has no usage events."])


@avs.group()
def search() -> None:
    """The search of the admin grids."""


@command(search)
@as_json
def rebuild(as_json: bool) -> None:
    """Fill the search indexes again: a restored dump of a SQLite database needs it."""
    with write(db.session):
        count = rebuild_indexes(db.session)
    lines = [f"Rebuilt {count} search indexes." if count else "Nothing to do: PostgreSQL keeps its own search indexes."]
    show({"rebuilt": count}, as_json, lines)


@avs.group()
def export() -> None:
    """Documents for other systems."""


command(export, "billing-patch")(ledger_commands.billing_patch)
command(export, "drift")(ledger_commands.drift)
command(export, "evidence")(evidence_command.evidence)


@avs.group("runtime")
def runtime_group() -> None:
    """What customer apps enforce."""


@command(runtime_group, "show")
@click.argument("workspace_id")
@click.argument("segment")
@click.argument("stage", type=click.Choice([item.value for item in Stage]))
@click.argument("target_environment", type=click.Choice([item.value for item in TargetEnvironment]))
def runtime_show(**subject: str) -> None:
    """The active avs_config of a subject, byte for byte as it is served."""
    document = current.read(db.session, subject, now=clock.now()).document
    if document is None:
        raise click.ClickException(f"Nothing is active for {', '.join(subject.values())}.")
    click.echo(document.decode())


@avs.group("keys")
def keys_group() -> None:
    """What runtime configs are signed with."""


@command(keys_group, "list")
@as_json
def keys_list(as_json: bool) -> None:
    """The published public keys; the first one signs."""
    jwks = signing_keys().ring().jwks()
    show(jwks, as_json, [f"{key['kid']}{'' if index else '  signs'}" for index, key in enumerate(jwks["keys"])])


@command(keys_group, "rotate")
def keys_rotate() -> None:
    """Make a new key that signs from now on; the old ones stay published until they are retired."""
    click.echo(f"{signing_keys().rotate(clock.now()).kid} signs from now on.")
    publish_commands.keys_changed()


@command(keys_group, "retire")
@click.argument("kid")
def keys_retire(kid: str) -> None:
    """Take an old key out of the published set, once every client has read a newer signature."""
    signing_keys().retire(kid)
    click.echo(f"{kid} is no longer published.")
    publish_commands.keys_changed()
