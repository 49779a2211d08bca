"""The addresses of the Emails section."""

from __future__ import annotations

from django.urls import path, re_path

from threadline.web.emails import lists, new, one, profiles, refreshing

urlpatterns = [
    path("emails/", lists.emails, name="emails"),
    re_path(r"^emails/(?P<mailbox_id>\d{1,18})/(?P<role>inbox|sent)/$", lists.folder, name="folder"),
    re_path(
        r"^emails/(?P<mailbox_id>\d{1,18})/(?P<role>inbox|sent)/(?P<copy_id>\d{1,18})/$", lists.opened, name="opened"
    ),
    re_path(r"^emails/(?P<mailbox_id>\d{1,18})/(?P<role>inbox|sent)/new/$", new.new, name="new_emails"),
    path("emails/<number:mailbox_id>/refresh/", refreshing.start, name="refresh"),
    re_path(r"^emails/(?P<mailbox_id>\d{1,18})/(?P<role>inbox|sent)/progress/$", refreshing.progress, name="progress"),
    path("messages/<number:message_id>/", one.message, name="message"),
    path("messages/<number:message_id>/body/", one.body, name="message_body"),
    path("messages/<number:message_id>/raw/", one.raw, name="message_raw"),
    path("messages/<number:message_id>/conversation/", one.conversation, name="conversation"),
    path("messages/<number:message_id>/attachments/<number:number>/", one.attachment, name="attachment"),
    path("messages/<number:message_id>/profiles/", profiles.add, name="message_add"),
]
