"""Inputs that are files: brought into the internal storage, under the execution that is about to begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from stat import S_ISFIFO, S_ISREG
from typing import Any, BinaryIO

from penstock.errors import NotFound, UserError
from penstock.execution.model import Execution
from penstock.flow.convert import LocalFile
from penstock.flow.inputs import InvalidInputs, Problem, given_value
from penstock.flow.model import Flow, Input, InputType
from penstock.operations.request import asked_of, waiting
from penstock.operations.start import Intake, Start, begun, foreign, may_have, values_of
from penstock.ports.files import SCHEME, Files
from penstock.ports.namespace_files import NamespaceFiles
from penstock.ports.storage import input_file, namespace_file, plain_name, task_file

_UNNAMED = "file"


def keep_files(
    wanted: Start,
    files: Files,
    namespace_files: NamespaceFiles,
    *,
    by_person: bool,
    at: datetime,
    intake: Intake | None = None,
) -> Start:
    """`wanted`, where the value of each input of type FILE is the URI of a file of its own execution.

    A file is named by its path on this machine, as `nsfile:///path`, or (`by_person`: by whoever may read this
    storage) by the URI of a file that is kept already. Contents are streamed. Nothing stays kept where this raises:
    InvalidInputs, UserError, NotFound, or Stalled on a full disk.
    """
    if not any(each.type is InputType.FILE for each in wanted.flow.inputs):
        return wanted
    execution, flow = begun(wanted, at), wanted.flow
    keeper = FileKeeper(files, namespace_files, by_person, partial(input_file, flow.name, wanted.id))
    return replace(wanted, inputs=keeper.kept(flow, flow.inputs, wanted.inputs, execution, intake))


def keep_answers(
    flow: Flow,
    execution: Execution,
    values: Mapping[str, Any],
    files: Files,
    namespace_files: NamespaceFiles,
    *,
    task: str | None = None,
    intake: Intake | None = None,
) -> Mapping[str, Any]:
    """What a person answers the Pause that waits for it, with files in it kept beside those of its task run. Raises as
    `keep_files`."""
    run = waiting(execution, task)
    if run is None:
        return values

    def place(name: str, file: str) -> str:
        return task_file(flow.name, execution.id, run.task, run.id, f"{name}/{file}")

    keeper = FileKeeper(files, namespace_files, by_person=True, place=place)
    return keeper.kept(flow, asked_of(flow, run), values, execution, intake)


@dataclass(frozen=True, slots=True)
class FileKeeper:
    """Brings files into the storage of the execution that they are given to. `place` gives the URI of an input's file,
    in a folder of its own."""

    files: Files
    namespace_files: NamespaceFiles
    by_person: bool
    place: Callable[[str, str], str]

    def kept(
        self,
        flow: Flow,
        declared: Sequence[Input],
        given: Mapping[str, Any],
        execution: Execution,
        intake: Intake | None,
    ) -> Mapping[str, Any]:
        """What was `given`, and in the place of files their URIs. Raises as `keep_files`."""
        if not any(each.type is InputType.FILE for each in declared):
            return given
        resolved = values_of(flow, declared, given, execution, intake)  # what is wrong is told before a file is copied
        kept, uris = dict(given), list[str]()
        try:
            for each in declared:
                value = given_value(resolved, each.id) if each.type is InputType.FILE else None
                if value is not None:
                    by_person = self.by_person and given_value(given, each.id) is not None
                    kept[each.id] = self._keep(execution, each, value, uris, may_be_any=by_person)
        except BaseException:
            for uri in uris:
                self.files.delete(f"{uri.rpartition('/')[0]}/")
            raise
        return kept

    def _keep(self, execution: Execution, declared: Input, value: Any, uris: list[str], *, may_be_any: bool) -> str:
        """Keep one file under the execution; its URI."""
        if isinstance(value, str) and value.startswith(SCHEME) and namespace_file(value, "") is None:
            if not (may_be_any or may_have(execution, value)):
                raise InvalidInputs([foreign(declared, value)])
            digest, name, is_upload = self.files.resolve(value), value, False
        else:
            with _opened(declared.id, value, execution.flow.namespace, self.namespace_files) as (file, name):
                digest, is_upload = self.files.put(file), True
        uri = self.place(declared.id, _name_of(name, declared))
        uris.append(uri)
        self.files.name(uri, digest)
        if is_upload and self.files.size(uri) == 0:
            raise InvalidInputs([Problem(declared.id, f"Can't upload file: {name}", declared.range)])
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
