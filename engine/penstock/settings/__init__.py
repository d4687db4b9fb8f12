"""What a person or a repository has decided beforehand, and who decided it."""

from __future__ import annotations

from penstock.settings.folder import PROJECT_FILE, cache_folder, data_folder, git_root, project_file, user_file
from penstock.settings.load import (
    Origin,
    Settings,
    Source,
    load_settings,
    refuse_other_version,
    repository_settings,
)

__all__ = [
    "PROJECT_FILE",
    "Origin",
    "Settings",
    "Source",
    "cache_folder",
    "data_folder",
    "git_root",
    "load_settings",
    "project_file",
    "refuse_other_version",
    "repository_settings",
    "user_file",
]
