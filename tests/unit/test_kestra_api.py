"""The double of a Kestra server answers its usual clients as the server does, and ours asks what they ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from kestra_api import server as double
from kestra_api.server import KestraApi, serving
from penstock.adapters.http import GuardedHttp, Reach
from penstock.adapters.kestra.api import Api
from penstock.adapters.kestra.target import KestraTarget
from penstock.diagnostic import FlowName

CLIENTS: dict[str, Any] = json.loads(Path(double.__file__).with_name("clients.json").read_text())["clients"]
FLOW = "id: etl\nnamespace: company.team\ntasks:\n  - {id: say, type: io.kestra.plugin.core.log.Log, message: hi}\n"
NAME = FlowName("company.team", "etl")


@pytest.fixture
def api() -> Iterator[KestraApi]:
    with serving(KestraApi()) as running:
        yield running


@pytest.mark.parametrize("client", CLIENTS)
def test_requests_of_the_usual_clients_are_answered(client: str, api: KestraApi) -> None:
    told = CLIENTS[client]
    if not client.endswith("create"):
        api.put(FLOW)
    body = FLOW.encode() if "body" in told else None
    headers = {"Content-Type": told["type"]} if "type" in told else {}

    with urlopen(Request(f"{api.url}/api/v1/main/{told['path']}", body, headers, method=told["method"])) as answer:
        assert answer.status == told["status"]

    assert set(api.sources()) == (set() if told["method"] == "DELETE" else {"company.team/etl"})


def test_ours_are_those_of_the_terraform_provider(api: KestraApi) -> None:
    http = GuardedHttp(Reach(private=True))
    target = KestraTarget(Api(http, api.url))
    target.put_flow(NAME, FLOW, is_new=True)
    target.put_flow(NAME, FLOW, is_new=False)
    target.delete_flow(NAME)
    http.close()

    theirs = [CLIENTS[f"terraform: {verb}"] for verb in ("create", "update", "delete")]
    asked = [one for one in api.asked if one.is_write]
    assert [one.line for one in asked] == [f"{one['method']} {one['path']}" for one in theirs]
    assert [one.headers.get("Content-Type") for one in asked] == [one.get("type") for one in theirs]
