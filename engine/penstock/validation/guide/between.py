"""The guide to what holds between flows (PEN5xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide

GUIDES: tuple[Guide, ...] = ()
