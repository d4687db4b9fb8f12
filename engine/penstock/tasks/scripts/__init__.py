"""Scripts and commands in Python, shell and Node.js."""

from __future__ import annotations

from types import MappingProxyType

from penstock.tasks.scripts import model
from penstock.tasks.scripts.program import Program

_BASE = "io.kestra.plugin.scripts."


class _Python(Program):
    suffix = ".py"
    executables = ("python3", "python")
    environment = MappingProxyType({"PYTHONUNBUFFERED": "true"})


class _Node(Program):
    suffix = ".js"
    executables = ("node", "nodejs")


class PythonScript(_Python):
    type = _BASE + "python.Script"
    properties = model.PythonScript


class PythonCommands(_Python):
    type = _BASE + "python.Commands"
    properties = model.PythonCommands


class ShellScript(Program):
    type = _BASE + "shell.Script"
    properties = model.ShellScript


class ShellCommands(Program):
    type = _BASE + "shell.Commands"
    properties = model.ShellCommands


class NodeScript(_Node):
    type = _BASE + "node.Script"
    properties = model.NodeScript


class NodeCommands(_Node):
    type = _BASE + "node.Commands"
    properties = model.NodeCommands


__all__ = ["NodeCommands", "NodeScript", "PythonCommands", "PythonScript", "ShellCommands", "ShellScript"]
