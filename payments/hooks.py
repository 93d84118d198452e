"""Where providers call us. The address is the key: unguessable, one for each payment or question."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from payments import inbox
from payments.rails import RAILS


@csrf_exempt
def hook(request: HttpRequest, method: str, kind: str, token: str) -> HttpResponse:
    """Keep the body, answer 200. Every wrong address, verb or token gets the same answer."""
    known = request.method == "POST" and method in RAILS and kind in inbox.KINDS
    if not known or not inbox.callback_store(
        method=method,
        kind=kind,
        token=token,
        body=request.read(inbox.MOST_BYTES),
        from_address=request.META.get("REMOTE_ADDR"),
    ):
        return HttpResponseNotFound("Not found", content_type="text/plain")
    return JsonResponse({"ResultCode": 0, "ResultDesc": "Accepted"})
