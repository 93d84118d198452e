from django.apps import AppConfig


class GoldwalletConfig(AppConfig):
    name = "goldwallet"
