from django.urls import path

from trading import desk, views

urlpatterns = [
    path("", views.home, name="home"),
    path("wallet/", views.wallet, name="wallet"),
    path("buy/", views.buy, name="buy"),
    path("buy/<uuid:quote_id>/", views.quote, {"side": "buy"}, name="buy_quote"),
    path("sell/", views.sell, name="sell"),
    path("sell/<uuid:quote_id>/", views.quote, {"side": "sell"}, name="sell_quote"),
    path("orders/", views.orders, name="orders"),
    path("orders/<uuid:order_id>/", views.order, name="order"),
    path("orders/<uuid:order_id>/refund/", views.order_refund, name="order_refund"),
    path("orders/<uuid:order_id>/rebuy/", views.order_rebuy, name="order_rebuy"),
    path("desk/orders/", desk.orders, name="desk_orders"),
    path("desk/orders/<uuid:order_id>/", desk.order, name="desk_order"),
]
