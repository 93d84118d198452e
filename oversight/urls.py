from django.urls import path

from oversight import desk

urlpatterns = [
    path("desk/", desk.overview, name="desk"),
    path("desk/ledger/", desk.accounts, name="desk_ledger"),
    path("desk/ledger/accounts/<str:code>/", desk.account, name="desk_account"),
    path("desk/ledger/transactions/<int:transaction_id>/", desk.transaction, name="desk_transaction"),
]
