from django.urls import path

from oversight import approvals, desk, roles, steering

urlpatterns = [
    path("desk/", desk.overview, name="desk"),
    path("desk/ledger/", desk.accounts, name="desk_ledger"),
    path("desk/ledger/accounts/<str:code>/", desk.account, name="desk_account"),
    path("desk/ledger/transactions/<int:transaction_id>/", desk.transaction, name="desk_transaction"),
    path("desk/approvals/", approvals.approvals, name="desk_approvals"),
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
    path("desk/steering/", steering.steering, name="desk_steering"),
    path("desk/steering/switches/<str:name>/pause/", steering.pause, name="desk_switch_pause"),
    path("desk/steering/switches/<str:name>/resume/", steering.resume_ask, name="desk_switch_resume"),
    path("desk/steering/thresholds/<str:name>/", steering.threshold_ask, name="desk_threshold_ask"),
    path("desk/roles/", roles.roles, name="desk_roles"),
    path("desk/roles/hold/", roles.hold, name="desk_hold"),
    path("desk/roles/<uuid:person_id>/", roles.person_roles, name="desk_person_roles"),
    path("desk/roles/<uuid:person_id>/lift/", roles.hold_lift, name="desk_hold_lift"),
]
