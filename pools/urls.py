from django.urls import path

from pools import desk, desk_prices

_POOL = "desk/pools/<uuid:pool_id>/"

urlpatterns = [
    path("desk/pools/", desk.pools, name="desk_pools"),
    path("desk/pools/new/", desk.pool_new, name="desk_pool_new"),
    path(_POOL, desk.pool, name="desk_pool"),
    path(_POOL + "edit/", desk.pool_edit, name="desk_pool_edit"),
    path(_POOL + "bars/", desk.bars_add, name="desk_bars_add"),
    path(_POOL + "withdraw/", desk.bars_withdraw, name="desk_bars_withdraw"),
    path(_POOL + "bars/<uuid:bar_id>/restore/", desk.bar_restore, name="desk_bar_restore"),
    path("desk/prices/", desk_prices.prices, name="desk_prices"),
]
