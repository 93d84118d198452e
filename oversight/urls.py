from django.urls import include, path

from oversight import adjust, approvals, audit, factor, inbox, overview, roles, steering
from oversight.book import pages as book
from oversight.people import flags, notes
from oversight.people import pages as people
from oversight.privacy import pages as privacy
from oversight.reconciliation import pages

urlpatterns = [
    path("privacy/", privacy.privacy, name="privacy"),
    path("accounts/privacy/", privacy.mine, name="account_privacy"),
    path("accounts/privacy/export/", privacy.export, name="account_export"),
    path("accounts/privacy/close/", privacy.close, name="account_close"),
    path("desk/erasures/", privacy.erasures, name="desk_erasures"),
    path("desk/notes/", notes.add, name="desk_note_add"),
    path("desk/flags/", flags.flags, name="desk_flags"),
    path("desk/notes/lower/", notes.lower, name="desk_flag_lower"),
    path("desk/find/", people.find_page, name="desk_find"),
    path("desk/people/", people.people, name="desk_people"),
    path("desk/people/<uuid:person_id>/", people.person, name="desk_person"),
    path("desk/people/<uuid:person_id>/hold/", people.hold, name="desk_person_hold"),
    path("desk/people/<uuid:person_id>/lift/", people.lift, name="desk_person_lift"),
    path("desk/people/<uuid:person_id>/factor/", people.factor, name="desk_person_factor"),
    path("desk/people/<uuid:person_id>/close/", people.close, name="desk_person_close"),
    path("desk/people/<uuid:person_id>/message/", people.message, name="desk_person_message"),
    path("desk/", overview.overview, name="desk"),
    path("desk/ledger/", book.accounts, name="desk_ledger"),
    path("desk/ledger/accounts/<str:code>/", book.account, name="desk_account"),
    path("desk/ledger/accounts/<str:code>/extract.pdf", book.account_extract, name="desk_account_extract"),
    path("desk/ledger/transactions/", book.transactions, name="desk_transactions"),
    path("desk/ledger/transactions/<int:transaction_id>/", book.transaction, name="desk_transaction"),
    path(
        "desk/ledger/transactions/<int:transaction_id>/reverse/",
        adjust.transaction_reverse,
        name="desk_transaction_reverse",
    ),
    path("desk/adjustments/", adjust.adjustments, name="desk_adjustments"),
    path("desk/adjustments/gold/", adjust.adjust_gold, name="desk_adjust_gold"),
    path("desk/adjustments/cash/", adjust.adjust_cash, name="desk_adjust_cash"),
    path("desk/adjustments/debt/", adjust.debt_settle, name="desk_debt_settle"),
    path("desk/adjustments/payout/", adjust.cash_payout, name="desk_cash_payout"),
    path("desk/audit/", audit.audit, name="desk_audit"),
    path("desk/approvals/", inbox.approvals, name="desk_approvals"),
    path("desk/approvals/<uuid:request_id>/", approvals.approval, name="desk_approval"),
    path("desk/approvals/<uuid:request_id>/file/", approvals.approval_file, name="desk_approval_file"),
    path(
        "desk/approvals/<uuid:request_id>/approve/", approvals.approval_approve, name="desk_approval_approve"
    ),
    path("desk/approvals/<uuid:request_id>/refuse/", approvals.approval_refuse, name="desk_approval_refuse"),
    path(
        "desk/approvals/<uuid:request_id>/withdraw/",
        approvals.approval_withdraw,
        name="desk_approval_withdraw",
    ),
    path("desk/close/", include("oversight.close.urls")),
    path("desk/reconciliation/", pages.reconciliation, name="desk_reconciliation"),
    path("desk/reconciliation/upload/", pages.upload, name="desk_statement_upload"),
    path("desk/reconciliation/run/", pages.run_now, name="desk_reconcile"),
    path("desk/reconciliation/runs/<uuid:run_id>/", pages.run, name="desk_run"),
    path("desk/reconciliation/runs/<uuid:run_id>/progress/", pages.progress, name="desk_run_progress"),
    path("desk/reconciliation/breaks/<uuid:break_id>/", pages.difference, name="desk_break"),
    path("desk/reconciliation/breaks/<uuid:break_id>/own/", pages.own, name="desk_break_own"),
    path("desk/reconciliation/breaks/<uuid:break_id>/resolve/", pages.resolve, name="desk_break_resolve"),
    path("desk/steering/", steering.steering, name="desk_steering"),
    path("desk/steering/switches/<str:name>/pause/", steering.pause, name="desk_switch_pause"),
    path("desk/steering/switches/<str:name>/resume/", steering.resume_ask, name="desk_switch_resume"),
    path("desk/steering/thresholds/<str:name>/", steering.threshold_ask, name="desk_threshold_ask"),
    path("desk/factor/", factor.factor_resets, name="desk_factor"),
    path("desk/roles/", roles.roles, name="desk_roles"),
    path("desk/roles/hold/", roles.hold, name="desk_hold"),
    path("desk/roles/hire/", roles.hire, name="desk_hire"),
    path("desk/roles/<uuid:person_id>/", roles.person_roles, name="desk_person_roles"),
    path("desk/roles/<uuid:person_id>/lift/", roles.hold_lift, name="desk_hold_lift"),
]
