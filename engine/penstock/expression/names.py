"""The names that expressions know: registered ones, those that come later, and those that never do, with the reason."""

from __future__ import annotations

import penstock.expression.library  # noqa: F401 - what is registered there is asked for here
from penstock.expression.registry import FILTERS, FUNCTIONS

# Kestra's functions and filters. What of them is registered is no longer "later", so nobody edits this to say so.
KNOWN_FUNCTIONS: frozenset[str] = frozenset(
    {
        "block", "currentEachOutput", "dayOfMonth", "dayOfWeek", "decrypt", "encrypt", "env", "errorLogs",
        "fetchContext", "fileEmpty", "fileExists", "fileSize", "fileURI", "fromIon", "fromJson", "hourOfDay", "http",
        "id", "isDateAfter", "isDateBefore", "isDateBetween", "isDayWeekInMonth", "isFileEmpty", "isLastWorkingDay",
        "isPublicHoliday", "isWeekend", "iterationOutput", "json", "ksuid", "kv", "loopOutputs", "max", "min",
        "monthOfYear", "nanoId", "now", "parentOutput", "printContext", "randomInt", "randomPort", "range", "read",
        "render", "renderOnce", "secret", "tasksWithState", "uuid", "yaml",
    }
)  # fmt: skip
KNOWN_FILTERS: frozenset[str] = frozenset(
    {
        "abbreviate", "abs", "base64decode", "base64encode", "capitalize", "chunk", "className", "date", "dateAdd",
        "default", "distinct", "escapeChar", "first", "flatten", "indent", "join", "jq", "json", "keys", "last",
        "length", "lower", "md5", "merge", "nindent", "number", "numberFormat", "regexExtract", "regexMatch",
        "regexReplace", "replace", "reverse", "rsort", "sha1", "sha256", "sha512", "slice", "slugify", "sort",
        "split", "startsWith", "endsWith", "string", "substringAfter", "substringAfterLast", "substringBefore",
        "substringBeforeLast", "timestamp", "timestampMicro", "timestampMilli", "timestampNano", "title", "toIon",
        "toJson", "trim", "upper", "urldecode", "urlencode", "values", "yaml",
    }
)  # fmt: skip

# They parse, and say that they come later when they are evaluated.
LATER_FUNCTIONS: frozenset[str] = KNOWN_FUNCTIONS - FUNCTIONS.keys()
LATER_FILTERS: frozenset[str] = KNOWN_FILTERS - FILTERS.keys()

# They do not parse, and the sentence says why: the kind, the name, the sentence.
REFUSED: dict[str, dict[str, str]] = {
    "function": {
        "appLink": "`appLink` belongs to the Apps of Kestra's Enterprise Edition",
        "credential": "`credential` belongs to Kestra's Enterprise Edition; `secret` reads a secret",
        "i18n": "Kestra takes `i18n` out of Pebble: there are no resource bundles",
        "parent": "Kestra takes `extends` out of Pebble, so a block has no `parent`",
        "subflow": "`subflow` belongs to the execute form of Kestra's own server",
    },
    "filter": {
        "escape": "Kestra takes `escape` out of Pebble: nothing is escaped unless a filter does",
        "numberformat": "Kestra takes `numberformat` out of Pebble; `numberFormat` formats a number",
        "raw": "Kestra takes `raw` out of Pebble: nothing is escaped unless a filter does",
    },
    "test": {
        "equalTo": "Kestra has no test `equalTo`: two values are compared with `==`",
        "in": "Kestra has no test `in`: write `list contains value`, or `value isIn list`",
        "number": "Kestra has no test `number`; `className` names what a value is",
        "string": "Kestra has no test `string`; `className` names what a value is",
    },
    "operator": {
        "in": "Kestra has no operator `in`: write `list contains value`, or `value isIn list`",
        "matches": "Kestra takes `matches` out of Pebble: write `value | regexMatch('pattern')`",
    },
}

# What their text reads or calls is not known before it is evaluated.
OPAQUE: frozenset[str] = frozenset({"render", "renderOnce"})

IMPURE: frozenset[str] = frozenset(name for name, spec in FUNCTIONS.items() if spec.impure)
