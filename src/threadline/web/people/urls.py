"""The addresses of this section."""

from __future__ import annotations

from django.urls import path

from threadline.web.people import acting, editing, listing, missing, profile, verdict

urlpatterns = [
    path("people/", listing.people, name="people"),
    path("people/add/", editing.person_add, name="person_add"),
    path("people/<number:person_id>/", profile.person, name="person"),
    path(
        "people/<number:person_id>/conversation/<number:conversation_id>/",
        profile.conversation,
        name="person_conversation",
    ),
    path("people/<number:person_id>/attachments/", profile.attachments, name="person_attachments"),
    path("people/<number:person_id>/details/", profile.details, name="person_details"),
    path("people/<number:person_id>/refresh/", profile.refresh, name="person_refresh"),
    path("people/<number:person_id>/edit/", editing.person_edit, name="person_edit"),
    path("people/<number:person_id>/merge/", editing.person_merge, name="person_merge"),
    path("people/<number:person_id>/missing/", missing.missing_email, name="missing"),
    path("people/<number:person_id>/found/", missing.found, name="found"),
    path("people/<number:person_id>/remedy/<slug:action>/", acting.remedy, name="remedy"),
    path("people/<number:person_id>/why/<number:message_id>/", verdict.verdict, name="verdict"),
    path("people/<number:person_id>/why/<number:message_id>/put-on/", verdict.put_on, name="put_on"),
    path("people/<number:person_id>/why/<number:message_id>/take-off/", verdict.take_off, name="take_off"),
    path("people/<number:person_id>/why/<number:message_id>/move/<number:other_id>/", verdict.move, name="move"),
]
