"""Whether the web server of this container is ready: exit code 0 or 1. Asks as the proxy before it would."""

import http.client
import os
import sys

if __name__ == "__main__":
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8000), timeout=4)
    try:
        known = host if host and host != "*" else "localhost"
        connection.request("GET", "/readyz", headers={"Host": known, "X-Forwarded-Proto": "https"})
        sys.exit(connection.getresponse().status != 200)
    except OSError:
        sys.exit(1)
