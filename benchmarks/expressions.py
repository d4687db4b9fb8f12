"""Benchmarks of expressions: `python benchmarks/expressions.py`. Jinja2 alone on the same templates, in the same run.

Each figure is the least of many rounds, for what a busy machine adds is not the program's; the ratio to Jinja2 is what
can be compared between machines. There is no compiler, so nothing stands for compiling.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined
from measure import PENSTOCK

from penstock.expression import parse, render
from penstock.expression.template import parse_afresh

ROUNDS = 40

CONTEXT: dict[str, object] = {
    "outputs": {"a": {"value": "forty-two"}, "extract": {"rows": 1200, "uri": "kestra:///a/b/c.csv"}},
    "inputs": {"day": "2024-07-01", "limit": 100, "name": "ada", "tags": ["red", "green"]},
    "vars": {"bucket": "data", "region": "eu", "retries": 3},
    "flow": {"id": "load", "namespace": "team.data"},
    "execution": {"id": "4OGPNk7DcBvBGNPv2FTKzY"},
    "labels": {"env": "test"},
    "taskrun": {"value": "7"},
}
WARM = "{{ outputs.a.value }}"
# Forty of what a task holds: mostly paths, some with operators and filters. To Jinja2 they mean the same.
TASK = [
    *[f"{{{{ {path} }}}}" for path in (
        "outputs.a.value", "outputs.extract.rows", "outputs.extract.uri", "inputs.day", "inputs.limit", "inputs.name",
        "vars.bucket", "vars.region", "vars.retries", "flow.id", "flow.namespace", "execution.id", "labels.env",
        "taskrun.value", "inputs.tags[0]", "inputs.tags[1]", "outputs['a']['value']", "vars['region']",
    )],
    "s3://{{ vars.bucket }}/{{ inputs.day }}", "{{ flow.namespace }}.{{ flow.id }}", "id={{ execution.id }}",
    "{{ inputs.name | upper }}", "{{ inputs.name | title }}", "{{ inputs.tags | join(', ') }}",
    "{{ inputs.tags | first }}", "{{ inputs.tags | length }}", "{{ inputs.name | default('nobody') }}",
    "{{ inputs.limit + 1 }}", "{{ inputs.limit * 2 - 1 }}", "{{ vars.retries > 2 }}", "{{ inputs.name == 'ada' }}",
    "{{ inputs.limit > 10 and vars.retries < 5 }}", "{{ 'at ' ~ inputs.day }}", "{{ inputs.name ~ '@' ~ vars.region }}",
    "{% if labels.env == 'test' %}dry{% else %}wet{% endif %}", "{% for tag in inputs.tags %}{{ tag }};{% endfor %}",
    "{{ (inputs.limit + 20) / 4 }}", "{{ inputs.name | replace({'a': 'b'}) }}", "{{ not (vars.retries == 3) }}",
    "{{ outputs.extract.rows % 7 }}",
]  # fmt: skip
ONLY_OURS = "| replace({"  # Jinja2's `replace` takes two texts
PARSED = {
    "paths and `??`": "{{ outputs.extract['row-count'] ?? inputs.rows }}!!",
    "a path": "{{ outputs.first_task.values.result_of_this.it }}",
    "operators": "{{ inputs.a + 1 == vars.limit ? 'yes' : labels.e }}",
    "filters": "{{ inputs.day | date('yyyy-MM-dd') | default('') }}",
    "a function": "{{ secret('API_KEY', namespace='team.prod') }} !!",
}
FOR_JINJA = {
    "paths and `??`": "{{ outputs.extract['row-count'] or inputs.rows }}!!",
    "operators": "{{ 'yes' if inputs.a + 1 == vars.l else labels.en }}",
    "filters": "{{ inputs.day | upper('yyyy-MM-dd') | default('') }}",
}


@dataclass(frozen=True)
class Figure:
    """Seconds for one of ours, and for one of Jinja2's."""

    name: str
    ours: float
    jinja: float
    most: float

    def said(self) -> bool:
        met = self.ours <= self.most
        mark = "met" if met else "MISSED"
        print(
            f"  {self.name:<44} {self.ours * 1e6:8.1f} µs   ≤ {self.most * 1e6:6.0f} µs   {mark:<7}"
            f"Jinja2 {self.jinja * 1e6:8.1f} µs   ratio {self.ours / self.jinja:.2f}",
            flush=True,
        )
        return met


def least(ours: Callable[[], object], theirs: Callable[[], object], times: int) -> tuple[float, float]:
    """Seconds of one call of each: the least of many rounds of `times` calls, turn by turn."""
    best = [float("inf"), float("inf")]
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for which, once in enumerate((ours, theirs)):
                begun = time.perf_counter()
                for _ in range(times):
                    once()
                best[which] = min(best[which], (time.perf_counter() - begun) / times)
    finally:
        gc.enable()
    return best[0], best[1]


def warm(jinja: Environment) -> Figure:
    template = jinja.from_string(WARM)
    spent = least(lambda: render(WARM, CONTEXT), lambda: template.render(CONTEXT), 500)
    return Figure("render {{ outputs.a.value }}, warm", *spent, 15e-6)


def task(jinja: Environment) -> Figure:
    assert len(TASK) == 40
    templates = [jinja.from_string(text.replace(ONLY_OURS + "'a': 'b'})", "| replace('a', 'b')")) for text in TASK]

    def ours() -> None:
        for text in TASK:
            render(text, CONTEXT)

    def theirs() -> None:
        for template in templates:
            template.render(CONTEXT)

    return Figure("a task of 40 expressions, warm", *least(ours, theirs, 20), 1e-3)


def parsing(jinja: Environment) -> list[Figure]:
    """With positions, from nothing; Jinja2 parses as far as its tree, which is the like of ours."""
    figures = []
    for name, text in PARSED.items():
        assert 48 <= len(text) <= 52, (name, len(text))
        theirs = FOR_JINJA.get(name, text)
        spent = least(lambda text=text: parse_afresh(text), lambda it=theirs: jinja.parse(it), 100)
        figures.append(Figure(f"parse: {name}", *spent, 40e-6))
    return figures


def not_imported() -> bool:
    """Commands that render nothing do not load the expressions."""
    for argv in (["--help"], ["types"], ["validate", "--help"]):
        code = "import sys; from penstock_cli.main import main; sys.argv = ['penstock', *sys.argv[1:]]\n"
        code += "try: main()\nexcept SystemExit: pass\n"
        code += "print('penstock.expression.grammar.parser' in sys.modules, file=sys.stderr)"
        done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=False)
        if not done.stderr.rstrip().endswith("False"):
            print(f"  {PENSTOCK} {' '.join(argv)} loads the expressions: MISSED")
            return False
    print("  commands that render nothing load no expressions: met")
    return True


def main() -> int:
    jinja = Environment(undefined=StrictUndefined)
    assert parse(WARM) is parse(WARM)
    met = [figure.said() for figure in (warm(jinja), task(jinja), *parsing(jinja))]
    return 0 if all([*met, not_imported()]) else 1


if __name__ == "__main__":
    sys.exit(main())
