"""`penstock graph`: the topology of a flow."""

from __future__ import annotations

import sys

import click

from penstock_cli.globals import Globals
from penstock_cli.render.tables import output_option


@click.command("graph", short_help="Draw a flow: text, Mermaid, SVG or JSON.")
@click.argument("flow")
@output_option("text", "mermaid", "svg", "json", default="text")
@click.option("--dialect", type=click.Choice(["auto", "0.21", "1", "2"]), default="auto", show_default=True)
@click.pass_obj
def command(globals_: Globals, flow: str, output: str, dialect: str) -> None:
    """Draw FLOW (a file, `-`, or `namespace/id` of this repository) on stdout. Nothing is run.

    \b
    Exit codes: 0 fine, 1 the flow is not valid, 2 wrong usage or cannot read.
    """
    from penstock.flow.graph import as_json, as_mermaid, as_text, graph_of
    from penstock.flow.model import Dialect
    from penstock_cli.flow_files import read_flow, refuse_invalid
    from penstock_cli.render.tables import show_value
    from penstock_cli.render.terminal import wants_colour

    file = read_flow(flow, Dialect(dialect))
    refuse_invalid(file, colour=wants_colour(globals_.color, sys.stderr))
    assert file.parsed.flow is not None, "an invalid flow has been refused"
    graph = graph_of(file.parsed.flow)
    match output:
        case "json":
            show_value(as_json(graph), "json")
        case "mermaid":
            click.echo(as_mermaid(graph), nl=False)
        case "svg":
            from penstock_cli.render.graph_svg import as_svg

            click.echo(as_svg(graph), nl=False)
        case _:
            click.echo(as_text(graph), nl=False)
