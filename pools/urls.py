from django.urls import path

from pools import desk, desk_bars, desk_prices

_POOL = "desk/pools/<uuid:pool_id>/"
_BAR = _POOL + "bars/<uuid:bar_id>/"

urlpatterns = [
    path("desk/pools/", desk.pools, name="desk_pools"),
    path("desk/pools/new/", desk.pool_new, name="desk_pool_new"),
    path(_POOL, desk.pool, name="desk_pool"),
    path(_POOL + "edit/", desk.pool_edit, name="desk_pool_edit"),
    path(_POOL + "move/", desk.pool_move, name="desk_pool_move"),
    path(_POOL + "turn/", desk.pool_turn, name="desk_pool_turn"),
    path(_POOL + "ledger/", desk.pool_book, name="desk_pool_book"),
    path(_POOL + "bars/", desk_bars.bars_add, name="desk_bars_add"),
    path(_POOL + "withdraw/", desk_bars.bars_withdraw, name="desk_bars_withdraw"),
    path(_BAR, desk_bars.bar, name="desk_bar"),
    path(_BAR + "restore/", desk_bars.bar_restore, name="desk_bar_restore"),
    path(_BAR + "assays/", desk_bars.assay_add, name="desk_assay_add"),
    path("desk/assays/<uuid:assay_id>/", desk_bars.assay, name="desk_assay"),
    path("desk/prices/", desk_prices.prices, name="desk_prices"),
    path("desk/prices/<int:price_id>/cancel/", desk_prices.price_cancel, name="desk_price_cancel"),
]
