"""Two hundred secrets with odd letters, in every spelling, through every door: none of them comes out."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

from penstock.agent.results import Results
from penstock.wiring import workplace
from program import penstock

COUNT = 100
"""Of each kind: of the secrets by name, and of the inputs of type SECRET."""

_CORE = "io.kestra.plugin.core."
_ODD = "abcdefgXYZ0189 \"\\'/+=&%?#<>{}$`~|;:,.-_äöß€中😀"


def canaries() -> list[str]:
    """The same ones each time. They begin and end with letters: an edge that is white space belongs to nobody."""
    dice = random.Random(5)
    return [f"C{n}" + "".join(dice.choice(_ODD) for _ in range(dice.randrange(8, 40))) + "Z" for n in range(2 * COUNT)]


def spellings(canary: str) -> Iterator[str]:
    """Every form that must not come out. Of Base64 what does not depend on the neighbours."""
    yield canary
    yield json.dumps(canary)[1:-1]
    yield json.dumps(canary, ensure_ascii=False)[1:-1]
    yield quote(canary, safe="")
    yield quote(canary)
    yield quote_plus(canary)
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + canary.encode()).decode()
        core = encoded[(4 if shift else 0) : len(encoded) // 4 * 4 - 4]
        yield core
        yield core.replace("+", "-").replace("/", "_")


def every_way(canary: str) -> str:
    return " ".join(
        f"{{{{ {expression} }}}}"
        for expression in (
            canary,
            f"{canary} | base64encode",
            f"('x' ~ {canary}) | base64encode",
            f"('xx' ~ {canary}) | base64encode",
            f"{canary} | urlencode",
            f"{canary} | toJson",
            f"{{'nested': [{canary}]}} | toJson",
        )
    )


def flow() -> str:
    names = [f"secret('S{n}')" for n in range(COUNT)] + [f"inputs.i{n}" for n in range(COUNT)]
    said = "\n".join(map(every_way, names))
    every = {f"V{n}": f"{{{{ {name} }}}}" for n, name in enumerate(names)}
    echo = ["env | grep ^V", 'printf "::{\\"outputs\\":{\\"told\\":\\"%s\\"}}::\\n" "$V0"', 'echo "$V150" >&2']
    fails = {"allowFailure": True}
    tasks: list[dict[str, object]] = [
        {"id": "log", "type": _CORE + "log.Log", "message": said},
        {"id": "returned", "type": _CORE + "debug.Return", "format": said},
        {"id": "again", "type": _CORE + "log.Log", "message": "{{ outputs.returned.value }}"},
        {
            "id": "script",
            "type": "io.kestra.plugin.scripts.shell.Commands",
            "taskRunner": {"type": _CORE + "runner.Process"},
            "env": every,
            "commands": echo,
            "outputFiles": ["*.txt"],
        },
        {"id": "context", "type": _CORE + "log.Log", "message": "{{ printContext() }}"},
        {"id": "fails", "type": _CORE + "execution.Fail", "errorMessage": said, **fails},
        {"id": "wrong", "type": _CORE + "debug.Return", "format": "{{ secret('S1') | number }}", **fails},
        {
            "id": "asks",
            "type": _CORE + "debug.Return",
            "format": "{{ http('http://127.0.0.1:9/' ~ (inputs.i1 | urlencode)) }}",
            **fails,
        },
        {
            "id": "decides",
            "type": _CORE + "flow.If",
            "condition": "{{ (secret('S2') ~ inputs.i2) | number }}",
            "then": [{"id": "never", "type": _CORE + "log.Log", "message": "x"}],
            **fails,
        },
    ]
    return json.dumps(
        {
            "id": "canaries",
            "namespace": "team",
            "inputs": [{"id": f"i{n}", "type": "SECRET"} for n in range(COUNT)],
            "tasks": tasks,
            "outputs": [
                {"id": "kept", "type": "STRING", "value": "{{ inputs.i3 }} {{ secret('S3') | base64encode }}"},
                {"id": "sealed", "type": "SECRET", "value": "{{ inputs.i4 }}"},
            ],
        }
    )


def test_no_secret_comes_out_of_any_door(tmp_path: Path) -> None:
    values, data = canaries(), tmp_path / "d"
    inputs, file = tmp_path / "i.json", tmp_path / "canaries.yaml"
    environ = {f"SECRET_S{n}": base64.b64encode(values[n].encode()).decode() for n in range(COUNT)}
    inputs.write_text(json.dumps({f"i{n}": values[COUNT + n] for n in range(COUNT)}, ensure_ascii=False))
    file.write_text(flow())

    done = penstock("run", file, "--inputs", inputs, "-o", "json", data=data, env=environ, within=120)

    assert done.out, done.err
    assert [run["taskId"] for run in done.json["taskRunList"]][:4] == ["log", "returned", "again", "script"], done.err
    assert {run["taskId"] for run in done.json["taskRunList"] if run["state"]["current"] == "WARNING"} == {
        "fails", "wrong", "asks", "decides",
    }, done.err  # fmt: skip
    assert "******" in done.err
    id_ = done.json["id"]
    doors = {
        "run, stdout": done.out,
        "run, stderr": done.err,
        "logs": penstock("executions", "logs", id_, data=data).out,
        "show": penstock("executions", "show", id_, data=data).out,
        "show, json": penstock("executions", "show", id_, "-o", "json", data=data).out,
        "list": penstock("executions", "list", "-o", "json", data=data).out,
    }
    with workplace(data) as place:
        execution = place.store.load(id_)
        assert execution is not None
        result = Results(place.logs, place.files, place.store).of(execution, "x")
        for name, content in result.files.items():
            doors[f"result {name}"] = _text(content)
    for path in data.rglob("*"):
        if path.is_file():
            doors[f"file {path.name}"] = path.read_bytes().decode("utf-8", errors="replace")
    assert doors["logs"].count("******") > 2 * COUNT * 7 * 2  # said by two tasks in seven ways, and more

    found = [
        (door, canary, form)
        for canary in values
        for form in dict.fromkeys(spellings(canary))
        for door, text in doors.items()
        if form in text
    ]
    assert found == []


def _text(content: bytes) -> str:
    import gzip

    raw = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    return raw.decode("utf-8", errors="replace")
