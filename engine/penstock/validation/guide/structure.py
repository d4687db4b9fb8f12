"""The guide to structure and references (PEN2xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide

GUIDES: tuple[Guide, ...] = ()
