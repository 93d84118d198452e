from django.urls import path

from payments import desk, desk_money, hooks

urlpatterns = [
    path("hooks/<slug:method>/<slug:kind>/<slug:token>/", hooks.hook, name="hook"),
    path("desk/payouts/", desk.payouts, name="desk_payouts"),
    path("desk/payments/", desk.payments, name="desk_payments"),
    path("desk/payouts/mode/", desk.payouts_mode, name="desk_payouts_mode"),
    path("desk/payouts/<uuid:payment_id>/", desk.payment, name="desk_payment"),
    path("desk/payouts/<uuid:payment_id>/approve/", desk.payout_approve, name="desk_payout_approve"),
    path("desk/payouts/<uuid:payment_id>/refuse/", desk.payout_refuse, name="desk_payout_refuse"),
    path("desk/payouts/<uuid:payment_id>/seen/", desk.payment_seen, name="desk_payment_seen"),
    path("desk/payouts/<uuid:payment_id>/release/", desk.payout_release, name="desk_payout_release"),
    path("desk/payouts/<uuid:payment_id>/record/", desk.payout_record, name="desk_payout_record"),
    path("desk/payouts/<uuid:payment_id>/resolve/", desk.payment_resolve, name="desk_payment_resolve"),
    path("desk/payouts/<uuid:payment_id>/reversed/", desk.payment_reversed, name="desk_payment_reversed"),
    path("desk/payouts/<uuid:payment_id>/said/<uuid:said_id>/", desk.payment_said, name="desk_payment_said"),
    path("desk/money/", desk_money.money, name="desk_money"),
    path("desk/money/floats/", desk_money.floats_page, name="desk_floats"),
    path("desk/money/floats/ask/", desk_money.floats_ask, name="desk_floats_ask"),
    path("desk/money/floats/move/", desk_money.float_move, name="desk_float_move"),
    path("desk/money/<uuid:arrival_id>/", desk_money.arrival, name="desk_arrival"),
    path("desk/money/<uuid:arrival_id>/assign/", desk_money.arrival_assign, name="desk_arrival_assign"),
    path(
        "desk/money/<uuid:arrival_id>/said/<uuid:said_id>/", desk_money.arrival_said, name="desk_arrival_said"
    ),
    path("desk/money/<uuid:arrival_id>/return/", desk_money.arrival_return, name="desk_arrival_return"),
]
