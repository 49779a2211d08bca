"""The addresses of this section."""

from __future__ import annotations

from django.urls import path

from threadline.web.company import audit, importing, mailboxes, policy, users

urlpatterns = [
    path("company/", mailboxes.mailboxes, name="company"),
    path("company/policy/", policy.policy, name="company_policy"),
    path("company/policy/progress/", policy.progress, name="company_policy_progress"),
    path("company/import/", importing.people_import, name="people_import"),
    path("company/users/", users.users, name="company_users"),
    path("company/users/<number:user_id>/", users.change, name="company_user"),
    path("company/audit/", audit.audit, name="company_audit"),
]
