from django.urls import path

from payments import desk, hooks

urlpatterns = [
    path("hooks/<slug:method>/<slug:kind>/<slug:token>/", hooks.hook, name="hook"),
    path("desk/payouts/", desk.payouts, name="desk_payouts"),
    path("desk/payouts/mode/", desk.payouts_mode, name="desk_payouts_mode"),
    path("desk/payouts/<uuid:payment_id>/", desk.payment, name="desk_payment"),
    path("desk/payouts/<uuid:payment_id>/approve/", desk.payout_approve, name="desk_payout_approve"),
    path("desk/payouts/<uuid:payment_id>/refuse/", desk.payout_refuse, name="desk_payout_refuse"),
    path("desk/payouts/<uuid:payment_id>/seen/", desk.payment_seen, name="desk_payment_seen"),
    path("desk/payouts/<uuid:payment_id>/release/", desk.payout_release, name="desk_payout_release"),
    path("desk/payouts/<uuid:payment_id>/record/", desk.payout_record, name="desk_payout_record"),
    path("desk/payouts/<uuid:payment_id>/resolve/", desk.payment_resolve, name="desk_payment_resolve"),
    path("desk/payouts/<uuid:payment_id>/reversed/", desk.payment_reversed, name="desk_payment_reversed"),
]
