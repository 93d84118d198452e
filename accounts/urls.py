"""allauth's pages that we use, by the names that allauth looks up, and our own."""

from allauth.account import views as allauth_views
from django.urls import path, re_path

from accounts import views
from accounts.pages import factor, phone, security, stepup

urlpatterns = [
    path("login/", views.SignInView.as_view(), name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("signup/", views.SignUpView.as_view(), name="account_signup"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("confirm-email/", views.ConfirmEmailView.as_view(), name="account_email_verification_sent"),
    path("reauthenticate/", views.ReauthenticateView.as_view(), name="account_reauthenticate"),
    path("email/", views.EmailChangeView.as_view(), name="account_email"),
    path("password/change/", views.PasswordChangeView.as_view(), name="account_change_password"),
    path("password/reset/", views.PasswordResetView.as_view(), name="account_reset_password"),
    path("password/reset/done/", allauth_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.PasswordResetFromKeyView.as_view(),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("code/", views.code, name="account_code"),
    path("code/enrol/", views.enrol, name="account_enrol"),
    path("security/", security.security, name="account_security"),
    path("security/authenticator/", factor.authenticator, name="account_authenticator"),
    path("security/authenticator/remove/", factor.authenticator_remove, name="account_authenticator_remove"),
    path("security/recovery-codes/", security.recovery_codes, name="account_recovery_codes"),
    path("security/sessions/end/", security.session_close, name="account_session_end"),
    path("security/sessions/end-others/", security.sessions_close, name="account_sessions_end"),
    path("security/reset/stop/", security.reset_stop, name="account_reset_stop"),
    path("confirm/<uuid:step_up_id>/", stepup.confirm, name="account_confirm"),
    path("phone/", phone.phone, name="account_phone"),
    path("phone/cancel/", phone.phone_cancel, name="account_phone_cancel"),
]
