"""`penstock schema`: the JSON schemas of flows and types."""

from __future__ import annotations

import click

from penstock_cli.options import settings_now
from penstock_cli.render.tables import output_option, show_value


@click.command("schema", short_help="Print the JSON schema of flows, of a type, of what is printed.")
@click.argument("name", metavar="[TYPE|DOCUMENT]", required=False)
@output_option("json", "yaml", default="json")
def command(name: str | None, output: str) -> None:
    """Print the schema of a whole flow, as editors want it, or of one TYPE with all that it may have.

    TYPE is a name, an older name, or its end (`log.Log`); what penstock.yaml names as `catalogs` is known too.
    DOCUMENT is penstock.yaml, diagnostics (what `validate -o json` prints), execution (`run -o json`) or policy.
    In an editor, name the schema on top of a flow: `# yaml-language-server: $schema=PATH`.

    \b
    Exit codes: 0 fine, 2 wrong usage, or no schema of that name.
    """
    from penstock.errors import NotFound
    from penstock.flow.catalogue.plugin_files import catalog_of

    catalog = catalog_of(settings_now())
    if name is None:
        show_value(catalog.editor_schema(), output)
    elif name in _DOCUMENTS:
        show_value(catalog.document_schema(_DOCUMENTS[name]), output)
    else:
        info = catalog.named(name)
        schema = catalog.schema(info.name)
        if schema is None:
            raise NotFound(f"`{info.name}` has no schema: it is known by name, and any property is accepted")
        show_value(schema, output)


_DOCUMENTS = {
    "penstock.yaml": "penstock.json", "diagnostics": "diagnostics.json", "execution": "execution.json",
    "policy": "policy.json",
}  # fmt: skip
