from django.contrib import admin

from accounts.models import User


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["username", "email", "kyc_status", "is_staff", "is_active", "created_at"]
    list_filter = ["kyc_status", "is_staff", "groups"]
    search_fields = ["username", "email"]
    fields = [
        "id",
        "username",
        "email",
        "kyc_status",
        "is_staff",
        "is_active",
        "groups",
        "created_at",
        "last_login",
    ]
    readonly_fields = ["id", "created_at"]
