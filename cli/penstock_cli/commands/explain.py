"""`penstock explain`: what a type, a property, a code of a finding, or a function of expressions means."""

from __future__ import annotations

import re

import click

from penstock_cli.options import settings_now
from penstock_cli.render.tables import output_option

_CODE = re.compile(r"PEN\d{0,3}", re.IGNORECASE)
_CALLABLE = re.compile(r"(function|filter|test):(\w*)")


@click.command("explain", short_help="Explain a type, a property, a code, a function.")
@click.argument("what", metavar="TYPE[.PROPERTY]|CODE|KIND:NAME")
@output_option("text", "json", "yaml", default="text")
def command(what: str, output: str) -> None:
    """Explain a type, a property (`log.Log.level`, `http.Request.options.auth`), or a code such as PEN210.

    `PEN` lists the codes of findings, `PEN6` those that begin so. TYPE is a name, an older name, or its end. A star
    marks what a task must have. Of expressions it explains `function:now`, `filter:dateAdd`, `test:defined`; without a
    name it lists the kind.

    \b
    Exit codes: 0 fine, 2 wrong usage, or nothing of that name.
    """
    if _CODE.fullmatch(what):
        from penstock_cli.codes import explain_codes

        explain_codes(what.upper(), output)
        return
    called = _CALLABLE.fullmatch(what)
    if called is not None:
        from penstock_cli.callables import explain_callable

        explain_callable(called[1], called[2], output)
        return
    from penstock.flow.catalogue.plugin_files import catalog_of
    from penstock_cli.type_pages import explain_type

    explain_type(catalog_of(settings_now()), what, output)
