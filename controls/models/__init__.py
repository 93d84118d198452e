"""What staff steer, what takes two of them, what they did, and what the house notes about itself."""

from controls.models.exports import EXPORT_MOVES, Export, ExportPart, ExportState
from controls.models.keys import Count, Erasure, SealingKey
from controls.models.requests import REQUEST_MOVES, Attachment, Request, RequestState
from controls.models.steering import Anchor, Cause, Switch, SwitchName, Threshold
from controls.models.trail import AuditEntry, Flag, Note

__all__ = [
    "EXPORT_MOVES",
    "REQUEST_MOVES",
    "Anchor",
    "Attachment",
    "AuditEntry",
    "Cause",
    "Count",
    "Erasure",
    "Export",
    "ExportPart",
    "ExportState",
    "Flag",
    "Note",
    "Request",
    "RequestState",
    "SealingKey",
    "Switch",
    "SwitchName",
    "Threshold",
]
