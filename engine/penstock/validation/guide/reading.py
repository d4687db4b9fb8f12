"""The guide to YAML and encoding (PEN1xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide

GUIDES: tuple[Guide, ...] = ()
