"""Identity: the customer's pages under /kyc/, the reviewers' under /desk/kyc/."""

from django.urls import path

from kyc import desk, views

urlpatterns = [
    path("kyc/", views.overview, name="kyc"),
    path("kyc/about/", views.about, name="kyc_about"),
    path("kyc/id/", views.id_number, name="kyc_id"),
    path("kyc/photo/<slug:part>/", views.photo, name="kyc_photo"),
    path("kyc/check/", views.check, name="kyc_check"),
    path("kyc/image/<uuid:document_id>/", views.image, name="kyc_image"),
    path("desk/kyc/", desk.cases, name="desk_kyc"),
    path("desk/kyc/<uuid:case_id>/", desk.case, name="desk_kyc_case"),
    path("desk/kyc/<uuid:case_id>/open/", desk.opened, name="desk_kyc_open"),
    path("desk/kyc/<uuid:case_id>/decide/", desk.decide, name="desk_kyc_decide"),
    path("desk/kyc/image/<uuid:document_id>/", desk.image, name="desk_kyc_image"),
    path("desk/kyc/people/<uuid:person_id>/", desk.person, name="desk_kyc_person"),
    path("desk/kyc/people/<uuid:person_id>/tier/", desk.tier, name="desk_kyc_tier"),
]
