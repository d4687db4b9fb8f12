"""What asks over HTTP and does not run here yet: a stream of events, and a trigger that asks again and again."""

from __future__ import annotations

from pydantic import Field

from penstock.tasks.http_models import RequestProperties
from penstock.tasks.markers import Duration, Dynamic, Text


class SseRequest(RequestProperties):
    """Reads events from an address until the other side ends the stream."""

    concat_jq_expression: Dynamic[Text | None] = Field(
        None, description="A jq expression; what it takes from each event is joined into one text"
    )
    failed_on_missing_jq: Dynamic[bool] = Field(True, description="Fail when it takes nothing from an event")


class Trigger(RequestProperties):
    """Asks an address again and again, and starts an execution when the answer fulfils a condition."""

    interval: Duration | None = Field(None, description="The pause between two requests; a minute by default")
    response_condition: Dynamic[Text] = Field(
        "{{ response.statusCode < 400 }}",
        description="An expression over `response.statusCode`, `response.body` and `response.headers`",
    )
