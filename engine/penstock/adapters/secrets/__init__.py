"""Secrets from the environment and from a file, the seal that guards what was computed from them, and the mask."""

from __future__ import annotations

from penstock.adapters.secrets.masking import Masker, MaskStream
from penstock.adapters.secrets.seal import KeySeal
from penstock.adapters.secrets.sources import ChainedSecrets, EnvSecrets, FileSecrets

__all__ = ["ChainedSecrets", "EnvSecrets", "FileSecrets", "KeySeal", "MaskStream", "Masker"]
