"""The function `kv`: the key-value store of a namespace."""

from __future__ import annotations

from penstock.expression.library import arguments
from penstock.expression.registry import function
from penstock.expression.scope import Scope


@function(
    "kv",
    "key",
    ("namespace", None),
    ("errorOnMissing", None),
    impure=True,
    slow=True,
    says="The value of a key of the namespace's key-value store, of its own type. Without `namespace` the namespaces "
    "above the flow's are looked through too.",
    example="{{ kv('region') }}",
)
def _kv(scope: Scope, key: object, namespace: object, error_on_missing: object) -> object:
    """Kestra core, KvFunction: these arguments in this order; a missing key is an error since 0.22."""
    place = arguments.optional_text(namespace, "the argument `namespace`")
    strict = None if error_on_missing is None else arguments.flag(error_on_missing, "the argument `errorOnMissing`")
    return scope.world.kv(arguments.text(key, "the argument `key`"), place, strict)
