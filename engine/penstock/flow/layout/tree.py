"""Which files of a folder are flows: what `penstock.yaml` says, else Kestra's layouts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import NotFound, UserError
from penstock.flow.layout.flow_layout import IGNORE_FILES, LAYOUTS, may_hold_a_flow
from penstock.flow.layout.ignore import Pattern, glob_regex, is_ignored, read_patterns
from penstock.settings import git_root, load_settings, project_file
from penstock.settings.folder import PROJECT_FILE

STDIN = "-"


@dataclass(frozen=True, slots=True)
class FlowFile:
    """A file that may hold a flow. `shown` is the path as a person would type it, `place` the path itself; `data` is
    set for standard input, `blob` is its object id where Git has told it."""

    shown: str
    place: str | Path
    data: bytes | None = None
    blob: str | None = None

    @property
    def path(self) -> Path:
        """Made when it is asked for: of a thousand files it costs more than to read them."""
        return Path(self.place)

    def read(self) -> bytes:
        """The bytes. Raises UserError when they cannot be read."""
        if self.data is not None:
            return self.data
        try:
            with open(self.place, "rb", buffering=0) as stream:  # noqa: PTH123 - a text, and at once to its end
                return stream.read()
        except OSError as error:
            raise UserError(f"cannot read {self.shown}: {error.strerror or error}") from error


def find_flows(paths: Sequence[str], folder: Path, *, stdin: bytes | None = None) -> list[FlowFile]:
    """The flow files that `paths` name, sorted, each once; without paths, those of the repository around `folder`.

    A path is a file (taken whatever its name), a folder (searched for `.yaml` and `.yml`, ignore files heeded) or
    `-` (then `stdin` holds its bytes). Raises NotFound for a path that is not there, and where no flows are found
    because there is neither a `penstock.yaml` nor a folder of flows.
    """
    if not paths:
        return _of_repository(folder)
    folder = _absolute(folder)
    found: dict[Path, FlowFile] = {}
    for name in paths:
        if name == STDIN:
            found[Path(STDIN)] = FlowFile("<stdin>", Path(STDIN), stdin or b"")
            continue
        path = _absolute(folder / name)
        base = None if Path(name).is_absolute() else folder
        if path.is_dir():
            real = path.resolve()
            for name in _walk(path, _repository_root(path)):
                file = real / name
                found.setdefault(file, FlowFile(_shown(file, base), file))
        elif path.exists():
            found.setdefault(path.resolve(), FlowFile(_shown(path, base), path))
        else:
            raise NotFound(f"{name} does not exist", help="name a file, a folder, or `-` for standard input")
    return sorted(found.values(), key=lambda file: file.shown)


def discover(paths: Sequence[str] = (), folder: Path | None = None) -> list[str]:
    """The paths of `find_flows` as a person would type them, without standard input. Raises NotFound."""
    return [file.shown for file in find_flows([name for name in paths if name != STDIN], folder or Path())]


def _of_repository(folder: Path) -> list[FlowFile]:
    settings = load_settings(folder=folder)
    for found in settings.diagnostics:
        if found.is_error:
            raise UserError(f"{found.file}:{found.range.start.line}: {found.message}", help=found.help)
    root = settings.project.parent if settings.project is not None else folder.resolve()
    if settings.flows is None and not _has_layout(root):
        raise NotFound(
            f"no flows in {folder}: there is neither a {PROJECT_FILE} nor a folder `flows`",
            help="name the files or folders, or run `penstock init`",
        )
    return flows_below(root, settings.flows, folder)


def repository_around(place: Path, folder: Path) -> Path | None:
    """The repository of flows that a file or folder is a part of: where `penstock.yaml` lies, else the outermost
    folder above it with one of Kestra's layouts. Looked for up to the root of the Git tree, outside of one up to
    `folder`; None where there is none."""
    here = _absolute(place if place.is_dir() else place.parent).resolve()
    project = project_file(here)
    if project is not None:
        return project.parent
    above = (here, *here.parents)
    last = git_root(here) or folder.resolve()
    within = above[: above.index(last) + 1] if last in above else ()
    return next((one for one in reversed(within) if _has_layout(one)), None)


def flows_below(root: Path, globs: Sequence[str] | None, folder: Path) -> list[FlowFile]:
    """The flows of a repository: what its globs take, or where it has none Kestra's layouts. Shown from `folder`."""
    taken: Sequence[str] = LAYOUTS
    if globs is not None:
        taken = [glob.rstrip("/") + "/**" if (root / glob).is_dir() else glob for glob in globs]
    fits = [glob_regex("/" + glob.removeprefix("./")).fullmatch for glob in taken]
    real, base = root.resolve(), folder.resolve()
    is_here, lead = real == base, f"{real}/"
    files = [
        FlowFile(name if is_here else _shown(real / name, base), lead + name)
        for name in _walk(root, _repository_root(root))
        if any(fit(name) for fit in fits)
    ]
    return sorted(files, key=lambda file: file.shown)


def _has_layout(root: Path) -> bool:
    return any((root / name).is_dir() for name in ("flows", "_flows")) or any(root.glob("*/flows"))


def _walk(folder: Path, root: Path) -> Iterator[str]:
    """The YAML files under a folder, by their paths from there on: not hidden, not ignored, no test and not
    penstock.yaml. Links are not followed."""
    patterns: dict[Path, tuple[Pattern, ...]] = {}
    folder = folder.resolve()
    for above in (folder, *folder.parents):
        _read_ignore(above, patterns)
        if above in (root, root.resolve()):
            break
    for here, folders, files in os.walk(folder):
        at = Path(here)
        _read_ignore(at, patterns)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        lead = "" if at == folder else at.relative_to(folder).as_posix() + "/"
        for name in sorted(files):
            if may_hold_a_flow(name) and not (patterns and _ignored(at / name, patterns)):
                yield lead + name


def _read_ignore(folder: Path, patterns: dict[Path, tuple[Pattern, ...]]) -> None:
    if folder in patterns:
        return
    found: tuple[Pattern, ...] = ()
    for name in IGNORE_FILES:
        file = folder / name
        if file.is_file():
            found += read_patterns(FlowFile(str(file), file).read().decode("utf-8", "replace"))
    if found:
        patterns[folder] = found


def _ignored(path: Path, patterns: dict[Path, tuple[Pattern, ...]]) -> bool:
    return any(
        path.is_relative_to(folder) and is_ignored(path.relative_to(folder).as_posix(), known)
        for folder, known in patterns.items()
    )


def _repository_root(folder: Path) -> Path:
    """The root of the Git tree around a folder; without one the folder itself."""
    return git_root(folder) or folder


def _absolute(path: Path) -> Path:
    """Without `..`, links kept: what a person typed stays recognisable."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve() would follow links


def _shown(path: Path, folder: Path | None) -> str:
    """Relative to where the person is, unless they gave an absolute path; always with forward slashes."""
    return path.as_posix() if folder is None else Path(os.path.relpath(path, folder)).as_posix()
