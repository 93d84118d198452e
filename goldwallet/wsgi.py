import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "goldwallet.settings")
application = get_wsgi_application()

from controls.keys import refuse_keys_or_away  # noqa: E402 - settings come first
from goldwallet import schema  # noqa: E402 - settings come first
from kyc.storage import refuse_public_store  # noqa: E402

refuse_public_store()
schema.refuse_changed_or_away()
refuse_keys_or_away()
