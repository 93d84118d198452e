from django.apps import AppConfig


class GoldwalletConfig(AppConfig):
    name = "goldwallet"

    def ready(self) -> None:
        from goldwallet import checks  # registers them, too
        from goldwallet.refusals import plain_words

        checks.refuse_unsafe()
        plain_words()
