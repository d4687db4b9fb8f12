"""Scripts and commands: programs of the flow's author, run where the task says."""

from __future__ import annotations

from penstock.tasks.names import SCRIPTS
from penstock.tasks.scripts import model
from penstock.tasks.scripts.program import Language, Program

_PYTHON = Language(".py", ("python3", "python"), {"PYTHONUNBUFFERED": "true"}, "python:3.13-slim")
_NODE = Language(".js", ("node", "nodejs"), image="node")


class PythonScript(Program):
    """Runs a Python program that is written in the flow."""

    type = SCRIPTS + "python.Script"
    properties = model.PythonScript
    language = _PYTHON


class PythonCommands(Program):
    """Runs commands with Python at hand."""

    type = SCRIPTS + "python.Commands"
    properties = model.PythonCommands
    language = _PYTHON


class ShellScript(Program):
    """Runs a shell script that is written in the flow."""

    type = SCRIPTS + "shell.Script"
    properties = model.ShellScript


class ShellCommands(Program):
    """Runs shell commands."""

    type = SCRIPTS + "shell.Commands"
    properties = model.ShellCommands


class NodeScript(Program):
    """Runs a Node.js program that is written in the flow."""

    type = SCRIPTS + "node.Script"
    properties = model.NodeScript
    language = _NODE


class NodeCommands(Program):
    """Runs commands with Node.js at hand."""

    type = SCRIPTS + "node.Commands"
    properties = model.NodeCommands
    language = _NODE
