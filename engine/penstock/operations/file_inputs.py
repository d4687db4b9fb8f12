"""Inputs that are files: brought into the internal storage, under the execution that is about to begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from stat import S_ISFIFO, S_ISREG
from typing import Any, BinaryIO

from penstock.errors import NotFound, UserError
from penstock.flow.convert import LocalFile
from penstock.flow.inputs import InvalidInputs, Problem, given_value, resolve_inputs
from penstock.flow.model import Input, InputType
from penstock.operations.start import Start, foreign
from penstock.ports.files import SCHEME, Files
from penstock.ports.namespace_files import NamespaceFiles
from penstock.ports.storage import execution_files, input_file, namespace_file, plain_name

_UNNAMED = "file"


def keep_files(wanted: Start, files: Files, namespace_files: NamespaceFiles, *, by_person: bool) -> Start:
    """`wanted`, where the value of each input of type FILE is the URI of a file of its own execution.

    A file is named by its path on this machine, as `nsfile:///path`, or (`by_person`: by whoever may read this
    storage) by the URI of a file that is kept already. Contents are streamed. Nothing stays kept where this raises:
    InvalidInputs, UserError, NotFound, or Stalled on a full disk.
    """
    declared = [each for each in wanted.flow.inputs if each.type is InputType.FILE]
    if not declared:
        return wanted
    resolve_inputs(wanted.flow.inputs, wanted.inputs)  # what is wrong is told before anything is copied
    kept = dict(wanted.inputs)
    try:
        for each in declared:
            given = given_value(wanted.inputs, each.id)
            value = each.defaults if given is None else given
            if value is not None:
                may_be_any = by_person and given is not None
                kept[each.id] = _keep(wanted, each, value, files, namespace_files, may_be_any=may_be_any)
    except BaseException:
        files.delete(execution_files(wanted.flow.name, wanted.id))
        raise
    return replace(wanted, inputs=kept)


def _keep(
    wanted: Start, declared: Input, value: Any, files: Files, namespace_files: NamespaceFiles, *, may_be_any: bool
) -> str:
    """Keep one file under the execution; its URI."""
    if isinstance(value, str) and value.startswith(SCHEME) and namespace_file(value, "") is None:
        if not (may_be_any or wanted.may_have(value)):
            raise InvalidInputs([foreign(declared, value)])
        digest, name, is_uploaded = files.resolve(value), value, False
    else:
        with _opened(declared.id, value, wanted.flow.namespace, namespace_files) as (file, name):
            digest, is_uploaded = files.put(file), True
    uri = input_file(wanted.flow.name, wanted.id, declared.id, _name_of(name, declared))
    files.name(uri, digest)
    if is_uploaded and files.size(uri) == 0:
        raise InvalidInputs([Problem(declared.id, f"Can't upload file: {name}")])
    return uri


def _name_of(path: str, declared: Input) -> str:
    """The file's own name, which ends as `extension` says."""
    name = plain_name(path) or _UNNAMED
    ending = declared.rules.get("extension")
    return name if not isinstance(ending, str) or name.endswith(ending) else name + plain_name(ending)


@contextmanager
def _opened(name: str, value: Any, namespace: str, namespace_files: NamespaceFiles) -> Iterator[tuple[BinaryIO, str]]:
    """The file, open, and its path."""
    if isinstance(value, LocalFile):
        with _local(name, value.path) as file:
            yield file, value.path
        return
    found = namespace_file(str(value), namespace)
    if found is None:
        raise UserError(f"the input `{name}` cannot be read from `{value}`", help="write -i KEY=@PATH")
    with namespace_files.open(*found) as file:
        yield file, found[1]


def _local(name: str, path: str) -> BinaryIO:
    """A file of this machine. Raises NotFound, UserError."""
    try:
        mode = Path(path).stat().st_mode
        if not (S_ISREG(mode) or S_ISFIFO(mode)):
            what = "a folder" if Path(path).is_dir() else "no regular file"
            raise UserError(f"the input `{name}`: {path} is {what}", help="name one file")
        return Path(path).open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"the input `{name}`: there is no file {path}") from error
    except OSError as error:
        raise UserError(f"the input `{name}`: {path} cannot be read: {error.strerror}") from error
