from django.urls import path

from payments import desk, hooks

urlpatterns = [
    path("hooks/<slug:method>/<slug:kind>/<slug:token>/", hooks.hook, name="hook"),
    path("desk/payouts/", desk.payouts, name="desk_payouts"),
    path("desk/payouts/mode/", desk.payouts_mode, name="desk_payouts_mode"),
    path("desk/payouts/<uuid:payment_id>/", desk.payment, name="desk_payment"),
    path("desk/payouts/<uuid:payment_id>/approve/", desk.payout_approve, name="desk_payout_approve"),
    path("desk/payouts/<uuid:payment_id>/refuse/", desk.payout_refuse, name="desk_payout_refuse"),
    path("desk/payouts/<uuid:payment_id>/record/", desk.payout_record, name="desk_payout_record"),
]
