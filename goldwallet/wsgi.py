import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "goldwallet.settings")
application = get_wsgi_application()

from goldwallet import schema  # noqa: E402 - settings come first

schema.refuse_changed_or_away()
