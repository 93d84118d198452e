"""Every write of trading: quotes, buys, sales, late money. `payments.purposes` names the handlers."""

from trading.services.buying import buy_confirm, buy_failed, buy_paid, order_expire, orders_expire
from trading.services.cashing import cash_failed, cash_paid
from trading.services.incidents import paid_after_all
from trading.services.quotes import QUOTE_UNKNOWN, NotEnoughGold, quote_buy, quote_sell, sale_takes_code
from trading.services.rebuying import quote_rebuy, rebuy_confirm
from trading.services.refunding import refund_ask, refund_failed, refund_paid
from trading.services.reversing import buy_reversed
from trading.services.selling import SALE, sale_digest, sell_confirm, sell_failed, sell_paid
from trading.services.straying import stray_tell

__all__ = [
    "QUOTE_UNKNOWN",
    "SALE",
    "NotEnoughGold",
    "buy_confirm",
    "buy_failed",
    "buy_paid",
    "buy_reversed",
    "cash_failed",
    "cash_paid",
    "order_expire",
    "orders_expire",
    "paid_after_all",
    "quote_buy",
    "quote_rebuy",
    "quote_sell",
    "rebuy_confirm",
    "refund_ask",
    "refund_failed",
    "refund_paid",
    "sale_digest",
    "sale_takes_code",
    "sell_confirm",
    "sell_failed",
    "sell_paid",
    "stray_tell",
]
