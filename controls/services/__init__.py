"""Every write of what staff steer: thresholds, switches, requests."""

from controls.services.evidence import MOST_BYTES, Evidence, evidence_open
from controls.services.requests import (
    approval_check,
    refusal_check,
    request_approve,
    request_effect,
    request_make,
    request_refuse,
    request_seal,
    request_weigh,
    request_withdraw,
    requests_expire,
)
from controls.services.retyping import retype_needed
from controls.services.switches import (
    anchor_check,
    switch_pause,
    switch_resume_describe,
    switch_resume_execute,
    switches_lock,
)
from controls.services.thresholds import threshold_set, threshold_set_describe, threshold_set_execute

__all__ = [
    "MOST_BYTES",
    "Evidence",
    "anchor_check",
    "approval_check",
    "evidence_open",
    "refusal_check",
    "request_approve",
    "request_effect",
    "request_make",
    "request_refuse",
    "request_seal",
    "request_weigh",
    "request_withdraw",
    "requests_expire",
    "retype_needed",
    "switch_pause",
    "switch_resume_describe",
    "switch_resume_execute",
    "switches_lock",
    "threshold_set",
    "threshold_set_describe",
    "threshold_set_execute",
]
