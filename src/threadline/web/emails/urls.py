"""The addresses of the Emails section."""

from __future__ import annotations

from django.urls import path, re_path

from threadline.web.emails import lists, one, profiles, refreshing

urlpatterns = [
    path("emails/", lists.emails, name="emails"),
    re_path(r"^emails/(?P<mailbox_id>\d{1,18})/(?P<role>inbox|sent)/$", lists.folder, name="folder"),
    re_path(
        r"^emails/(?P<mailbox_id>\d{1,18})/(?P<role>inbox|sent)/(?P<copy_id>\d{1,18})/$", lists.opened, name="opened"
    ),
    path("emails/<int:mailbox_id>/refresh/", refreshing.start, name="refresh"),
    re_path(r"^emails/(?P<mailbox_id>\d{1,18})/(?P<role>inbox|sent)/progress/$", refreshing.progress, name="progress"),
    path("messages/<int:message_id>/", one.message, name="message"),
    path("messages/<int:message_id>/body/", one.body, name="message_body"),
    path("messages/<int:message_id>/raw/", one.raw, name="message_raw"),
    path("messages/<int:message_id>/conversation/", one.conversation, name="conversation"),
    path("messages/<int:message_id>/attachments/<int:number>/", one.attachment, name="attachment"),
    path("messages/<int:message_id>/profiles/", profiles.add, name="message_add"),
]
