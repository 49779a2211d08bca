"""Company > Users: who signs in, and as what."""

from __future__ import annotations

from django import forms
from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from threadline.services import access, accounts
from threadline.services.errors import Conflict, Invalid
from threadline.storage.models import User
from threadline.storage.models.company import Role
from threadline.web.company.frame import frame, must_be_admin
from threadline.web.requests import SignedIn

ROLE_HELP = {
    Role.MEMBER.label: "Own mailboxes, all people and profiles",
    Role.ADMIN.label: "Also every mailbox’s connection, policy, users and audit",
    Role.SUPPORT.label: "Sees connections, users and audit; changes nothing of others",
}


class UserForm(forms.Form):
    name = forms.CharField(label="Name", max_length=200, error_messages={"required": "Enter a name."})
    email = forms.CharField(
        label="Email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Enter an email address, for example sofia@northgate.example."},
    )
    role = forms.ChoiceField(label="Role", choices=Role.choices)


@login_required
def users(request: SignedIn) -> HttpResponse:
    context = frame(request.user, "company_users")
    form = UserForm(request.POST or None)
    if request.method == "POST":
        must_be_admin(request.user)
        if form.is_valid() and _added(request, form):
            return redirect("company_users")
    people = User.objects.filter(company=request.user.company).annotate(connected=Count("mailboxes"))
    context |= {
        "form": form,
        "people": people.order_by("-is_active", "name", "email"),
        "roles": Role.choices,
        "role_help": ROLE_HELP.items(),
    }
    return render(request, "company/users.html", context)


def _added(request: SignedIn, form: UserForm) -> bool:
    data = form.cleaned_data
    try:
        user = accounts.add_user(
            data["email"], request.user.company, name=data["name"], role=data["role"], by=request.user, door="pages"
        )
    except (Invalid, Conflict) as refused:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
        return False
    notices.success(request, f"{user} is added. They choose a password by “Forgot your password?” on the sign-in page.")
    return True


@login_required
@require_POST
def change(request: SignedIn, user_id: int) -> HttpResponse:
    """Another role, or no sign-in any more; never one's own."""
    must_be_admin(request.user)
    user = access.colleague_for(request.user, user_id)
    active = {"stop": False, "allow": True}.get(request.POST.get("act", ""), user.is_active)
    try:
        accounts.change_user(
            user, role=request.POST.get("role", user.role), active=active, by=request.user, door="pages"
        )
    except (Invalid, Conflict) as refused:
        notices.error(request, refused.sentence)
    else:
        signs_in = "" if user.is_active else ", and cannot sign in any more. Their mailboxes and emails stay"
        notices.success(request, f"{user} is {user.get_role_display().lower()}{signs_in}.")
    return redirect("company_users")
