"""The guide to security (PEN6xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide, flow

_SHELL = "io.kestra.plugin.scripts.shell.Commands"
_DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
_REQUEST = "io.kestra.plugin.core.http.Request"
_NAME = "inputs:\n  - id: name\n    type: STRING\n    defaults: you\n"


def _shell(command: str, more: str = "", before: str = "") -> str:
    return flow(f"{before}tasks:\n  - id: hello\n    type: {_SHELL}\n{more}    commands:\n      - {command}\n")


def _request(uri: str, more: str = "") -> str:
    return flow(f"tasks:\n  - id: call\n    type: {_REQUEST}\n    uri: {uri}\n{more}")


GUIDES: tuple[Guide, ...] = (
    Guide(
        "PEN601",
        "A flow is read by everybody who reads the repository, its history and its copies; a secret in it is known to "
        "all of them for good, and changing it means a commit. It is found by the name that it stands under "
        "(`password`, `apiKey`, the default of a SECRET input, the key of a webhook), by the form that its issuer gave "
        "it (tokens of GitHub, GitLab, Slack, AWS, private keys and others), in the user part of an address, and in "
        "assignments within scripts. What stands for a secret, as `<your-token>` or `$TOKEN`, is none. No finding "
        "shows it: the characters are hidden wherever the line is shown.\n\n"
        "A secret that has been pushed is no secret any more: replace it where it was issued, and keep the new one "
        "out of the flow.",
        flow("variables:\n  db_password: correct-horse"),
        flow("variables:\n  db_password: \"{{ secret('DB_PASSWORD') }}\""),
    ),
    Guide(
        "PEN602",
        "An image without a tag is `latest`, and `latest` is whatever was published last: the flow that ran yesterday "
        "runs another program today, and nobody changed anything. A digest says exactly which one; a tag of a version "
        "nearly so.",
        _shell("'true'", "    containerImage: alpine\n"),
        _shell("'true'", "    containerImage: alpine:3.20\n"),
    ),
    Guide(
        "PEN603",
        "A container is a wall between the program and the machine that runs it. `privileged`, the network of the "
        "host, the socket of the engine, or a folder of the system as a volume are doors in it: whoever can change the "
        "script of such a task owns the machine. Where there must be a door, a waiver tells why.",
        _shell("'true'", f"    taskRunner:\n      type: {_DOCKER}\n      privileged: true\n"),
        _shell("'true'", f"    taskRunner:\n      type: {_DOCKER}\n      networkMode: bridge\n"),
    ),
    Guide(
        "PEN604",
        "The expression is filled in before the shell reads the command. An input of `x; rm -rf .` is then two "
        "commands, and whoever may start the flow may run anything there; so may whoever sends a webhook its body. As "
        "a variable of the environment it is data, whatever it holds. The same goes for the source of a script in any "
        "language. Inputs that are numbers, moments, or one of listed values are let be, and so are filters that leave "
        "nothing to act upon (`escapeChar`, `slugify`).",
        _shell("echo \"Hello {{ inputs.name }}\"", before=_NAME),
        _shell("echo \"Hello $NAME\"", "    env:\n      NAME: \"{{ inputs.name }}\"\n", before=_NAME),
    ),
    Guide(
        "PEN605",
        "Without TLS everybody on the way reads what is sent, passwords and tokens included, and may answer in the "
        "place of the server. The machine itself, private networks and names without a dot are let be.",
        _request("http://api.example.com/rows"),
        _request("https://api.example.com/rows"),
    ),
    Guide(
        "PEN606",
        "What runs hides the values of secrets that it knows in its log. That is a net for accidents: it does not know "
        "a secret that was encoded, cut or changed on the way, and outputs are kept as they are. So a secret is handed "
        "to what needs it, and to nothing that prints.",
        flow("tasks:\n  - id: hello\n    type: io.kestra.plugin.core.log.Log\n"
             "    message: \"The token is {{ secret('TOKEN') }}\""),
        flow("tasks:\n  - id: hello\n    type: io.kestra.plugin.core.log.Log\n"
             "    message: \"The token is kept as a secret\""),
    ),
)  # fmt: skip
