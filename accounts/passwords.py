"""What a password must be: Django's rules, said in our words."""

from django.contrib.auth import password_validation as rules


class LongEnough(rules.MinimumLengthValidator):
    def get_error_message(self) -> str:
        return f"This password is too short. Use at least {self.min_length} characters."


class NotCommon(rules.CommonPasswordValidator):
    def get_error_message(self) -> str:
        return "Many people use this password, so it is easy to guess. Choose another."


class NotDigitsOnly(rules.NumericPasswordValidator):
    def get_error_message(self) -> str:
        return "This password has only digits. Use letters, too."


class NotAboutYou(rules.UserAttributeSimilarityValidator):
    def get_error_message(self) -> str:
        return "This password is too much like your name or your e-mail address. Choose another."
