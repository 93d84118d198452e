from django.apps import AppConfig


class GoldwalletConfig(AppConfig):
    name = "goldwallet"

    def ready(self) -> None:
        from goldwallet import checks  # registers them, too

        checks.refuse_unsafe()
