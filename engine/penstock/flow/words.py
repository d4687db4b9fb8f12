"""Words that flows, schemas and settings share: dialects, kinds of tasks, types of inputs."""

from __future__ import annotations

from enum import StrEnum


class Dialect(StrEnum):
    """Which Kestra the flow is read as. AUTO accepts every spelling and behaves as 1.x where they clash."""

    AUTO = "auto"
    V0_21 = "0.21"
    V1 = "1"
    V2 = "2"


class Kind(StrEnum):
    """What moves a task on: the decision alone, the executor in passing, a worker with a runner, or executions that are
    called."""

    FLOWABLE = "flowable"
    INLINE = "inline"
    WORKER = "worker"
    EXECUTABLE = "executable"


class InputType(StrEnum):
    """Kestra's input types. The ones this version resolves are in `RESOLVED` of `penstock.flow.inputs`."""

    STRING = "STRING"
    SECRET = "SECRET"  # noqa: S105
    EMAIL = "EMAIL"
    INT = "INT"
    FLOAT = "FLOAT"
    BOOLEAN = "BOOLEAN"
    BOOL = "BOOL"
    DATETIME = "DATETIME"
    DATE = "DATE"
    TIME = "TIME"
    DURATION = "DURATION"
    ENUM = "ENUM"
    SELECT = "SELECT"
    MULTISELECT = "MULTISELECT"
    ARRAY = "ARRAY"
    JSON = "JSON"
    YAML = "YAML"
    URI = "URI"
    FILE = "FILE"
    FORM = "FORM"
    REUSABLE_INPUTS = "REUSABLE_INPUTS"


TASK_PROPERTIES = frozenset(
    {
        "id", "type", "version", "description", "retry", "timeout", "disabled", "runIf", "when", "allowFailure",
        "allowWarning", "logLevel", "logToFile", "workerGroup", "workerSelector", "taskCache", "assets", "policyRefs",
    }
)  # fmt: skip
"""What every task may have, beside the properties of its type."""
