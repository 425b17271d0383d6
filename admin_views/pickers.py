"""The choices that the catalogs offer in forms: what is the workspace's own first, then what all workspaces share.

Where the workspace has entries of its own in a catalog, the shared ones come as a second group; where it has none, the
shared ones are the whole list.
"""

from collections.abc import Callable, Iterable

from wtforms.fields.choices import SelectChoice

from app.models.base import AnySession
from app.services.catalogs.kinds import Kind
from app.services.catalogs.reading import Labels, labels_of

OWN, SHARED = "This workspace", "Shared by all workspaces"


def label_and_key(key: str, label: str) -> str:
    """`Gross margin (gross_margin)`; the key alone where it is its own label."""
    return key if key == label else f"{label} ({key})"


def label_alone(_key: str, label: str) -> str:
    """The label, for lists whose keys are shown elsewhere."""
    return label


def choices_from(labels: Labels, text: Callable[[str, str], str] = label_alone) -> list[SelectChoice]:
    """A choice for each entry, in groups where the workspace has entries of its own."""
    has_own = bool(labels.own)
    own = [SelectChoice(key, text(key, label), optgroup=OWN) for key, label in labels.own.items()]
    group = SHARED if has_own else None
    return own + [SelectChoice(key, text(key, label), optgroup=group) for key, label in labels.shared.items()]


def catalog_choices(
    session: AnySession,
    kind: Kind,
    workspace_id: str | None,
    text: Callable[[str, str], str] = label_alone,
    stored: Iterable[str] = (),
) -> list[SelectChoice]:
    """The choices of a catalog; what a record has stored stays a choice even when the catalog lacks it."""
    labels = labels_of(session, kind, workspace_id)
    return [SelectChoice(key, key) for key in labels.missing(dict.fromkeys(stored))] + choices_from(labels, text)
