"""`penstock schema`: the JSON schemas of flows and types."""

from __future__ import annotations

import click

from penstock_cli.options import settings_now
from penstock_cli.render.tables import output_option, show_value


@click.command("schema", short_help="Print the JSON schema of flows, or of one type.")
@click.argument("type_", metavar="[TYPE]", required=False)
@output_option("json", "yaml", default="json")
def command(type_: str | None, output: str) -> None:
    """Print the schema of a whole flow, as editors want it, or of one TYPE with all that it may have.

    TYPE is a name, an older name, or its end (`log.Log`). In an editor, name the schema on top of a flow:
    `# yaml-language-server: $schema=PATH`.

    \b
    Exit codes: 0 fine, 2 wrong usage, or no schema of that name.
    """
    from penstock.errors import NotFound
    from penstock.flow.plugin_files import catalog_of

    catalog = catalog_of(settings_now())
    if type_ is None:
        show_value(catalog.editor_schema(), output)
        return
    info = catalog.named(type_)
    schema = catalog.schema(info.name)
    if schema is None:
        raise NotFound(
            f"`{info.name}` has no schema yet: it is known by name, and any property is accepted",
            help="`penstock types --runnable` lists the types that have one",
        )
    show_value(schema, output)
