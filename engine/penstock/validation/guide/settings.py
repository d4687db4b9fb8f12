"""The guide to penstock.yaml and waivers (PEN29x)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide

GUIDES: tuple[Guide, ...] = ()
