"""A Kestra-compatible server, over its REST API: 0.2x, 1.x and 2.0.

Facts are from Kestra's sources, 2026: FlowController, NamespaceFileController, MiscController.
"""
