"""The addresses of this section."""

from __future__ import annotations

from django.urls import path

from threadline.web.people import acting, editing, listing, missing, profile, verdict

urlpatterns = [
    path("people/", listing.people, name="people"),
    path("people/add/", editing.person_add, name="person_add"),
    path("people/<int:person_id>/", profile.person, name="person"),
    path(
        "people/<int:person_id>/conversation/<int:conversation_id>/", profile.conversation, name="person_conversation"
    ),
    path("people/<int:person_id>/attachments/", profile.attachments, name="person_attachments"),
    path("people/<int:person_id>/details/", profile.details, name="person_details"),
    path("people/<int:person_id>/refresh/", profile.refresh, name="person_refresh"),
    path("people/<int:person_id>/edit/", editing.person_edit, name="person_edit"),
    path("people/<int:person_id>/merge/", editing.person_merge, name="person_merge"),
    path("people/<int:person_id>/missing/", missing.missing_email, name="missing"),
    path("people/<int:person_id>/found/", missing.found, name="found"),
    path("people/<int:person_id>/remedy/<slug:action>/", acting.remedy, name="remedy"),
    path("people/<int:person_id>/why/<int:message_id>/", verdict.verdict, name="verdict"),
    path("people/<int:person_id>/why/<int:message_id>/put-on/", verdict.put_on, name="put_on"),
    path("people/<int:person_id>/why/<int:message_id>/take-off/", verdict.take_off, name="take_off"),
    path("people/<int:person_id>/why/<int:message_id>/move/<int:other_id>/", verdict.move, name="move"),
]
