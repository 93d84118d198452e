"""Every write of trading: quotes, buys, sales. `payments.purposes` names the four handlers."""

from trading.services.buying import buy_confirm, buy_failed, buy_paid, order_expire, orders_expire
from trading.services.quotes import QUOTE_UNKNOWN, NotEnoughGold, quote_buy, quote_sell
from trading.services.selling import sell_confirm, sell_failed, sell_paid

__all__ = [
    "QUOTE_UNKNOWN",
    "NotEnoughGold",
    "buy_confirm",
    "buy_failed",
    "buy_paid",
    "order_expire",
    "orders_expire",
    "quote_buy",
    "quote_sell",
    "sell_confirm",
    "sell_failed",
    "sell_paid",
]
