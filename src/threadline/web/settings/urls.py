"""The addresses of this section."""

from __future__ import annotations

from django.urls import path

from threadline.web.settings import coming_back, connecting, endings, folders, mailboxes, microsoft, signing_in

urlpatterns = [
    path("settings/", mailboxes.overview, name="settings"),
    path("settings/connect/", connecting.address, name="connect"),
    path("settings/connect/sign-in/", connecting.sign_in, name="connect_sign_in"),
    path("settings/connect/microsoft/", microsoft.go, name="connect_microsoft"),
    path("settings/connect/microsoft/confirm/", microsoft.confirm, name="connect_confirm"),
    path("settings/connect/microsoft/approval/", microsoft.needs_approval, name="connect_approval"),
    path("oauth/microsoft/callback", coming_back.callback, name="microsoft_callback"),
    path("oauth/microsoft/ended/", endings.ended, name="microsoft_ended"),
    path("settings/<number:mailbox_id>/", mailboxes.one, name="mailbox"),
    path("settings/<number:mailbox_id>/progress/", mailboxes.progress, name="mailbox_progress"),
    path("settings/<number:mailbox_id>/refresh/", mailboxes.refresh, name="mailbox_refresh"),
    path("settings/<number:mailbox_id>/check/", mailboxes.check, name="mailbox_check"),
    path("settings/<number:mailbox_id>/sign-in/", signing_in.sign_in, name="mailbox_sign_in"),
    path("settings/<number:mailbox_id>/folders/", folders.folders, name="mailbox_folders"),
    path("settings/<number:mailbox_id>/for-it/", mailboxes.for_it, name="mailbox_for_it"),
    path("settings/<number:mailbox_id>/disconnect/", mailboxes.disconnect, name="mailbox_disconnect"),
]
