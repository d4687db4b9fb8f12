"""What a person or a repository has decided beforehand, and who decided it."""

from __future__ import annotations

from penstock.settings.folder import data_folder, git_root, project_file, user_file
from penstock.settings.load import Origin, Settings, Source, load_settings, refuse_other_version

__all__ = [
    "Origin",
    "Settings",
    "Source",
    "data_folder",
    "git_root",
    "load_settings",
    "project_file",
    "refuse_other_version",
    "user_file",
]
