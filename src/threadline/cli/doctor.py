"""threadline doctor

A key file that cannot be used keeps the settings from loading, so that nothing else can be checked: it is reported
as the one check that failed.
"""

# ruff: noqa: PLC0415  Django is loaded where the key file has been found usable

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from threadline.cli.commands import Starter, company_option
from threadline.cli.output import result
from threadline.cli.preparation import prepare, prepare_store
from threadline.config.keyfile import KeyFileUnusable
from threadline.domain.causes import Cause, Who

if TYPE_CHECKING:
    from threadline.services.doctor import Examination


@click.command(cls=Starter)
@click.argument("address", required=False)
@company_option
@click.pass_context
def doctor(ctx: click.Context, address: str | None, company_name: str | None) -> None:
    """Check a mailbox's connection step by step, and this installation; without ADDRESS the latter only.

    Changes nothing about mailboxes, mail and people. Like every command it first brings the store, and the search
    index made from it, up to this version.
    """
    try:
        prepare()
    except KeyFileUnusable as error:
        found = _without_a_key(error)
    else:
        prepare_store()
        found = _examined(address, company_name).as_json()
    result(found, *(line for check in found["checks"] for line in _lines(check)))
    if not found["ok"]:
        ctx.exit(1)


def _examined(address: str | None, company_name: str | None) -> Examination:
    from threadline.services import doctor as service
    from threadline.services.accounts import company_named
    from threadline.services.connect import mailbox_named

    if address is None:
        return service.examine_installation()
    return service.examine(mailbox_named(address, company_named(company_name) if company_name else None))


def _without_a_key(error: KeyFileUnusable) -> dict[str, Any]:
    check = {"name": "key_file", "ok": False, "detail": error.detail, "remedy": error.remedy}
    return {"ok": False, "checks": [check | {"cause": Cause.APP_MISCONFIGURED.value, "who": Who.OPERATOR.value}]}


def _lines(check: dict[str, Any]) -> list[str]:
    line = f"{'ok  ' if check['ok'] else 'FAIL'}  {check['name'].replace('_', ' ')}: {check['detail']}"
    return [line, f"      {check['remedy']}"] if check["remedy"] else [line]
