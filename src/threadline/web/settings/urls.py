"""The addresses of this section."""

from __future__ import annotations

from django.urls import path

from threadline.web.settings import connecting, folders, mailboxes, signing_in

urlpatterns = [
    path("settings/", mailboxes.overview, name="settings"),
    path("settings/connect/", connecting.address, name="connect"),
    path("settings/connect/sign-in/", connecting.sign_in, name="connect_sign_in"),
    path("settings/<int:mailbox_id>/", mailboxes.one, name="mailbox"),
    path("settings/<int:mailbox_id>/progress/", mailboxes.progress, name="mailbox_progress"),
    path("settings/<int:mailbox_id>/refresh/", mailboxes.refresh, name="mailbox_refresh"),
    path("settings/<int:mailbox_id>/check/", mailboxes.check, name="mailbox_check"),
    path("settings/<int:mailbox_id>/sign-in/", signing_in.sign_in, name="mailbox_sign_in"),
    path("settings/<int:mailbox_id>/folders/", folders.folders, name="mailbox_folders"),
    path("settings/<int:mailbox_id>/for-it/", mailboxes.for_it, name="mailbox_for_it"),
    path("settings/<int:mailbox_id>/disconnect/", mailboxes.disconnect, name="mailbox_disconnect"),
]
