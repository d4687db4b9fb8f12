"""The guide to expressions (PEN3xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide

GUIDES: tuple[Guide, ...] = ()
