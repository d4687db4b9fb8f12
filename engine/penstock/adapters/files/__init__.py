"""The storage as plain files of one folder."""

from __future__ import annotations

from penstock.adapters.files.local import LocalFiles

__all__ = ["LocalFiles"]
