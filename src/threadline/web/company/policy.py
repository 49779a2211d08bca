"""Company > Policy: the five conditions, what is relaxed, and what a change would do before it applies."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render

from threadline.domain.facts import Policy
from threadline.services import policy as service
from threadline.services import relink
from threadline.services.errors import Invalid
from threadline.web.company.frame import frame, must_be_admin
from threadline.web.conditions import five_conditions
from threadline.web.requests import SignedIn

SHOWN = 50
LOOKED_AT = 50_000  # emails, for a preview that somebody waits for


class PolicyForm(forms.Form):
    secondary_addresses = forms.BooleanField(
        label="Secondary addresses count too",
        required=False,
        help_text="An email from or to any address of a person shows on the profile, not only the primary one.",
    )
    earlier_mail = forms.BooleanField(
        label="Earlier mail counts too",
        required=False,
        help_text="Emails from before a person was created show as well.",
    )
    other_folders = forms.BooleanField(
        label="Every synced folder counts",
        required=False,
        help_text="Not only the Inbox and Sent items: also what was filed into a folder since.",
    )
    refresh_interval_minutes = forms.IntegerField(
        label="Minutes between automatic refreshes",
        min_value=service.SHORTEST,
        max_value=service.LONGEST,
        help_text=f"From {service.SHORTEST} minutes to {service.LONGEST}, which is 24 hours.",
        error_messages={
            "required": "Enter a number of minutes.",
            "invalid": "Enter a whole number of minutes.",
            "min_value": f"The shortest interval is {service.SHORTEST} minutes.",
            "max_value": f"The longest interval is {service.LONGEST} minutes, which is 24 hours.",
        },
    )
    blocklist = forms.CharField(
        label="Blocklist",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Emails with these addresses never show on a profile. One a line: news@jobs.example, "
        "or @jobs.example for a whole domain.",
    )

    def changes(self) -> dict[str, str]:
        """The values as people write them, for the service."""
        data = self.cleaned_data
        flags = {flag: "yes" if data[flag] else "no" for flag in service.FLAGS}
        return flags | {
            "refresh_interval_minutes": str(data["refresh_interval_minutes"]),
            "blocklist": data["blocklist"],
        }


def _initial(policy: Policy) -> dict[str, Any]:
    stored = service.to_json(policy)
    return stored | {"blocklist": "\n".join(stored["blocklist"])}


def _in_words(before: Policy, after: Policy) -> list[str]:
    changed = [one.text for one in five_conditions(after) if one not in five_conditions(before)]
    if after.blocklist != before.blocklist:
        changed.append(f"The blocklist has {len(after.blocklist):,} entries instead of {len(before.blocklist):,}.")
    return changed


@login_required
def policy(request: SignedIn) -> HttpResponse:
    """Shown to everyone; changed by administrators, in two steps: Preview, then Apply."""
    company = request.user.company
    before = service.policy_of(company)
    context: dict[str, Any] = {
        **frame(request.user, "company_policy"),
        "conditions": five_conditions(before),
        "any_relaxed": any(one.relaxed for one in five_conditions(before)),
        "relinking": relink.progress_of(company),
    }
    if request.method == "POST":
        must_be_admin(request.user)
    form = PolicyForm(request.POST or None, initial=_initial(before))
    if request.method == "POST" and form.is_valid():
        try:
            after = service.changed(company, form.changes())
        except Invalid as wrong:
            form.add_error(wrong.field if wrong.field in form.fields else None, wrong.sentence)
        else:
            if after == before:
                notices.info(request, "Nothing is changed by this.")
                return redirect("company_policy")
            if "apply" in request.POST:
                service.save(company, after, request.user, door="pages")
                notices.success(request, "The policy is set. The profiles are brought in line in the background.")
                return redirect("company_policy")
            effect = relink.policy_effect(company, before, after, newest=LOOKED_AT)
            context |= {
                "effect": effect,
                "profiles": effect.profiles[:SHOWN],
                "more": len(effect.profiles) - SHOWN,
                "changes": _in_words(before, after),
            }
    return render(request, "company/policy.html", context | {"form": form})


@login_required
def progress(request: SignedIn) -> HttpResponse:
    """How far the profiles are in line; asked for every two seconds, as long as they are not."""
    if not request.htmx:
        return redirect("company_policy")
    return render(request, "company/relinking.html", {"relinking": relink.progress_of(request.user.company)})
