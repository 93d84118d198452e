"""Where providers call us. The address is the key: unguessable, one for each payment or question."""

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from goldwallet.knocks import Knocks, address_of
from payments import inbox
from payments.arrivals import notices
from payments.rails import RAILS

log = structlog.get_logger("payments.hooks")

#: A provider is refused now and then, somebody who guesses all the time. Should a provider's own callback be lost to
#: that, the sweep asks about the payment as it does about every lost one.
strangers = Knocks(most=600, seconds=60)
_LOGGED = (1, 10, 100, 600)


@csrf_exempt
def hook(request: HttpRequest, method: str, kind: str, token: str) -> HttpResponse:
    """Keep the body, answer 200. Every wrong address, verb or token gets the same answer."""
    address = address_of(request)
    if strangers.too_many(address):
        return _no_such_address()
    known = request.method == "POST" and method in RAILS and kind in (*inbox.KINDS, *notices.KINDS)
    store = notices.notice_store if kind in notices.KINDS else inbox.callback_store
    if not known or not store(
        method=method,
        kind=kind,
        token=token,
        body=request.read(inbox.MOST_BYTES),
        from_address=request.META.get("REMOTE_ADDR"),
    ):
        count = strangers.noted(address)
        if count in _LOGGED:
            log.warning("callback to no address of ours", from_address=address, within_a_minute=count)
        return _no_such_address()
    # A question whether money may come is answered with a text (daraja.md 5.4).
    return JsonResponse({"ResultCode": "0" if kind == notices.CHECK else 0, "ResultDesc": "Accepted"})


def _no_such_address() -> HttpResponse:
    return HttpResponseNotFound("Not found", content_type="text/plain")
