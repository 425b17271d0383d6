"""What each code of a problem means; the rules' codes explain themselves."""

from rules.registry import RULES

_OWN = {
    "already_exists": "A record with the given id exists. Leave the id out to have one generated.",
    "bad_header": "A request header has a value that cannot be.",
    "bad_parameters": "A query parameter is unknown, given twice or has a bad value; errors names each.",
    "bad_request": "The request cannot be understood.",
    "body_too_large": "The body is larger than the server takes. Send it in parts.",
    "changed_by_another_operator": "The record is not as If-Match says: read it again and repeat the change.",
    "concurrent_write": "Another request wrote the same record at the same moment: read and try again.",
    "config_immutable": "The config was decided (approved, active or archived). Fork it to change anything.",
    "changed_meanwhile": "Another operator changed the record since it was shown; both versions are on the page.",
    "cycle_immutable": "The cycle carries a decided config, so what that config enforces cannot change.",
    "decision_missing": "The record has no decision yet: approve it first.",
    "document_unreadable": "An uploaded document cannot be read; the detail names it. Save it again or paste its text.",
    "idempotency_key_reused": "The Idempotency-Key was used for another request. Use a new key.",
    "in_use": "Other records refer to this one, so it stays.",
    "internal_error": "Something went wrong on the server. The server's log has the details.",
    "invalid_input": "A field is missing, unknown or has a bad value; errors has a JSON pointer to each.",
    "invalid": "A field has a bad value; the detail says which are good.",
    "baseline_cyclic": "The baseline is, over others, based on this very config.",
    "ledger_cannot_express": "The ledger has no exact way to bill this config; the detail names the unit.",
    "malformed_json": "The body is no JSON, or holds numbers or characters that JSON or a database cannot keep.",
    "method_not_allowed": "The address does not know this method; the Allow header lists the ones it knows.",
    "no_active_config": "No config is active for this workspace, segment, stage and target_environment.",
    "no_value_units": "The cycle has no value units to freeze. Add one first.",
    "not_found": "No such record, or no such address.",
    "rollback_needs_archived": "Only an archived config version can be rolled back to.",
    "seed_invalid": "A seed file has a bad row; the detail names file, row and field, and nothing was changed.",
    "signing_key_given": "The signing keys come from the environment. Rotate and retire them there.",
    "signing_key_in_use": "This key signs now. Rotate first, then retire it.",
    "too_many_events": "The request holds more events than one request may. Send them in parts.",
    "unauthorized": "The server wants its API token, as a bearer token or as the password.",
    "unsupported_media_type": "Send the body as application/json.",
}
MEANINGS = _OWN | {rule.code: " ".join((rule.check.__doc__ or "").split()) for rule in RULES}
