"""`penstock types`: the catalogue of tasks, triggers, runners and conditions."""

from __future__ import annotations

import click

from penstock_cli.options import settings_now
from penstock_cli.render.tables import output_option, show_rows

_GROUPS = ("task", "trigger", "runner", "condition", "chart", "data")


@click.command("types", short_help="List the types of tasks and triggers.")
@click.argument("text", required=False)
@click.option("--runnable", is_flag=True, help="Only what can run in this version.")
@click.option("--group", type=click.Choice(_GROUPS), help="Only what may stand in one place.")
@output_option()
def command(text: str | None, runnable: bool, group: str | None, output: str | None) -> None:
    """List the types that Penstock knows, group by group; TEXT keeps those with it in name, alias or title.

    A type that cannot run yet is read, compared and told about all the same; `run` refuses it by name. Types of
    other plugins come from the catalogues that penstock.yaml names.

    \b
    Exit codes: 0 fine (also when nothing fits), 2 wrong usage.
    """
    from penstock.flow.catalogue.plugin_files import catalog_of

    catalog = catalog_of(settings_now())
    wanted = (text or "").casefold()
    rows = []
    groups = (group,) if group is not None else _GROUPS
    for name in (name for each in groups for name in catalog.names(each)):
        info = catalog.find(name)
        assert info is not None, "the catalogue knows its own names"
        fits = any(wanted in each.casefold() for each in (info.name, info.title, *info.aliases))
        if fits and (info.runnable or not runnable):
            rows.append(
                {
                    "type": info.name,
                    "group": info.group,
                    "runs": "yes" if info.runnable else "not yet",
                    "title": info.title,
                    "kind": info.kind.value if info.kind is not None else None,
                    "runnable": info.runnable,
                    "aliases": list(info.aliases),
                    "deprecated": info.deprecated,
                    "since": info.since,
                    "until": info.until,
                    "enterprise": info.enterprise,
                }
            )
    if output not in (None, "table", "name"):
        for row in rows:
            del row["runs"]
    show_rows(rows, output, columns=("type", "group", "runs", "title"), name="type")
