"""threadline policy"""

from __future__ import annotations

from typing import Any

import click

from threadline.cli.commands import Group, company_option
from threadline.cli.output import count, result, table
from threadline.cli.people import company_of
from threadline.services import policy as service
from threadline.services import relink


@click.group(cls=Group)
def policy() -> None:
    """Which of the conditions a company relaxed."""


@policy.command()
@company_option
def show(company_name: str | None) -> None:
    """Show the policy."""
    settings = service.to_json(service.policy_of(company_of(company_name)))
    result(settings, *_lines(settings))


@policy.command("set")
@click.argument("settings", metavar="KEY=VALUE...", nargs=-1, required=True)
@click.option("--preview", is_flag=True, help="Say how many emails would come and go, and change nothing.")
@company_option
def set_policy(settings: tuple[str, ...], preview: bool, company_name: str | None) -> None:
    """Change the policy, and bring the profiles in line at once."""
    changes = dict(_pair(setting) for setting in settings)
    company = company_of(company_name)
    before, after = service.policy_of(company), service.changed(company, changes)
    if preview:
        effect = relink.policy_effect(company, before, after)
        profiles = [{"person": name, "added": added, "withdrawn": less} for name, added, less in effect.profiles]
        result(
            {
                "policy": service.to_json(after),
                "added": effect.added,
                "withdrawn": effect.withdrawn,
                "profiles": profiles,
            },
            f"Would put {count(effect.added, 'email')} on profiles and take {count(effect.withdrawn, 'email')} off. "
            "Nothing was changed.",
            *table([[name, f"+{added}", f"-{less}"] for name, added, less in effect.profiles]),
        )
        return
    service.save(company, after, None, door="command")
    added, withdrawn = relink.bring_in_line(company)
    result(
        {"policy": service.to_json(after), "added": added, "withdrawn": withdrawn},
        f"Set. {count(added, 'email')} came onto profiles, {count(withdrawn, 'email')} went off.",
        *_lines(service.to_json(after)),
    )


def _pair(setting: str) -> tuple[str, str]:
    key, equals, value = setting.partition("=")
    if not equals:
        raise click.UsageError(f"{setting!r} is no setting; expected KEY=VALUE, such as earlier_mail=yes.")
    return key.strip(), value


def _lines(settings: dict[str, Any]) -> list[str]:
    def word(value: object) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return ", ".join(value) or "nothing" if isinstance(value, list) else str(value)

    return table([(key, word(value)) for key, value in settings.items()])
