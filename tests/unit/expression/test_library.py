"""Functions, filters and tests, each by what it gives."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime

import pytest

from penstock.errors import NotFound
from penstock.expression import ExpressionError, render
from penstock.expression.solitary import Solitary

AT = "2024-01-02T03:04:05.123Z"
CONTEXT: dict[str, object] = {
    "at": AT,
    "text": "Hello, big World",
    "list": [3, 1, 2],
    "nested": [[1, 2], [3], 4],
    "map": {"b": 1, "a": None},
    "flow": {"namespace": "io.acme"},
    "parents": [{"taskrun": {"value": "in"}}, {"outputs": {}}, {"taskrun": {"value": "out"}}],
    "taskrun": {"value": "own"},
    "outputs": {"t": {"out": {"in": {"own": {"v": 1}}}}},
    "tasks": {
        "a": {"state": "FAILED"},
        "b": {"x": {"state": "failed"}, "y": {"state": "SUCCESS"}},
        "c": {"state": "SUCCESS"},
    },
}


class World(Solitary):
    def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
        if name == "NOPE":
            raise NotFound("Cannot find secret for key 'NOPE'.")
        return f"{name}/{namespace}/{subkey}"

    def read(self, uri_or_path: str, namespace: str | None) -> str:
        return f"<{uri_or_path}>"

    def now(self) -> datetime:
        return datetime(2024, 1, 2, 3, 4, 5, 123000, tzinfo=UTC)

    def random(self) -> random.Random:
        return random.Random(7)

    def new_id(self) -> str:
        return "n3wId"

    def error_logs(self) -> list[dict[str, object]]:
        return [{"taskId": "a", "message": "boom"}]


CASES = [
    # dates
    ("at | date", "2024-01-02T03:04:05.123000Z"),
    ("at | date('yyyy-MM-dd HH:mm:ss.SSS')", "2024-01-02 03:04:05.123"),
    ("at | date('yy D Q w e EE a h K k n')", "24 2 1 1 3 Tue AM 3 3 3 123000000"),
    ("at | date(\"h 'o''clock' 'at' H\")", "3 o'clock at 3"),
    ("at | date('X XX XXX x xx xxx Z ZZZZ ZZZZZ O OOOO z VV', timeZone='Asia/Kolkata')",
     "+0530 +0530 +05:30 +0530 +0530 +05:30 +0530 GMT+05:30 +05:30 GMT+5:30 GMT+05:30 IST Asia/Kolkata"),
    ("at | date('X x xxx Z O z')", "Z +00 +00:00 +0000 GMT UTC"),
    ("at | date('EEEE d MMMM', locale='fr')", "mardi 2 janvier"),
    ("at | date('EEE d MMM', locale='de_DE')", "Di. 2 Jan."),
    ("at | date('EEEE d MMMM', locale='es-ES')", "martes 2 enero"),
    ("at | date('full')", "Tuesday, January 2, 2024 at 3:04:05\u202fAM Coordinated Universal Time"),
    ("at | date('long', locale='fr')", "2 janvier 2024 à 03:04:05 UTC"),
    ("at | date('medium', locale='de')", "02.01.2024, 03:04:05"),
    ("at | date('short')", "1/2/24, 3:04\u202fAM"),
    ("at | date('sql_seq')", "2024-01-02 03:04:05"),
    ("at | date('iso_date_time', timeZone='Europe/Paris')", "2024-01-02T04:04:05.123+01:00[Europe/Paris]"),
    ("at | date('iso_ordinal_date')", "2024-002Z"),
    ("at | date('iso_local_time')", "03:04:05.123"),
    ("at | date('iso_offset_time', timeZone='+02:00')", "05:04:05.123+02:00"),
    ("at | date('rfc_1123_date_time', timeZone='Asia/Tokyo')", "Tue, 2 Jan 2024 12:04:05 +0900"),
    ("'2021-01-03' | date(\"YYYY-'W'ww\")", "2021-W02"),
    ("'2021-01-03' | date(\"YYYY-'W'ww\", locale='fr')", "2020-W53"),
    ("'02/01/2024 10:11' | date(existingFormat='dd/MM/yyyy HH:mm', timeZone='Europe/Paris')",
     "2024-01-02T10:11:00.000000+01:00"),
    ("'2 Jan 2024 1:05 PM +0200' | date('iso_sec', existingFormat='d MMM yyyy h:mm a Z')", "2024-01-02T11:05:00Z"),
    ("0 | date('iso_sec')", "1970-01-01T00:00:00Z"),
    ("'2024-01-31' | dateAdd(1, 'MONTHS', 'yyyy-MM-dd')", "2024-02-29"),
    ("'2024-03-30T12:00:00+01:00[Europe/Paris]' | dateAdd(1, 'DAYS', 'iso_sec', 'Europe/Paris')",
     "2024-03-31T12:00:00+02:00"),
    ("'2024-03-31T01:30:00' | dateAdd(1, 'HOURS', 'iso_sec', 'Europe/Paris')", "2024-03-31T03:30:00+02:00"),
    ("at | timestamp", "1704164645"),
    ("at | timestampMilli", "1704164645123"),
    ("at | timestampNano", "1704164645123000000"),
    # numbers
    ("1234567.891 | numberFormat('#,##0.00')", "1,234,567.89"),
    ("0.125 | numberFormat('0.##')", "0.12"),
    ("-5 | numberFormat('0;(0)')", "(5)"),
    ("0.256 | numberFormat('0.0%')", "25.6%"),
    ("12345 | numberFormat('0.00E0')", "1.23E4"),
    ("5 | numberFormat(\"'#'000\")", "#005"),
    ("0 | numberFormat('#.##')", "0"),
    ("'0x1F' | number", "31"),
    ("'1.5e3' | number", "1500.0"),
    ("'12' | number('DOUBLE')", "12.0"),
    ("-3.5 | abs", "3.5"),
    ("max(1, 2.5, 2)", "2.5"),
    ("min(3, 1)", "1"),
    # lists and maps
    ("list | sort", "[1,2,3]"),
    ("list | rsort | join('-')", "3-2-1"),
    ("list | reverse", "[2,1,3]"),
    ("list | first", "3"),
    ("list | chunk(2)", "[[3,1],[2]]"),
    ("nested | flatten", "[1,2,3,4]"),
    ("[1, 1.0, true, '1', 1, {'a': 1}, {'a': 1}] | distinct", '[1,1.0,true,"1",{"a":1}]'),
    ("map | keys", '["b","a"]'),
    ("map | values", "[1,null]"),
    ("map | merge({'b': 2})", '{"b":2}'),
    ("list | slice(1, 2)", "[1]"),
    ("range(5, 1, -2)", "[5,3,1]"),
    ("'a'..'c'", '["a","b","c"]'),
    ("list | className", "java.util.ArrayList"),
    ("3000000000 | className", "java.lang.Long"),
    # texts
    ("text | upper", "HELLO, BIG WORLD"),
    ("'élan vital' | capitalize", "Élan vital"),
    ("text | title", "Hello, Big World"),
    ("text | abbreviate(8)", "Hello..."),
    ("'a1b22c' | split('[0-9]+')", '["a","b","c"]'),
    ("'a,b,,' | split(',')", '["a","b"]'),
    ("'abc' | split('')", '["a","b","c"]'),
    ("'x.y' | replace({'.': '-', 'x': 'z'})", "z-y"),
    ("['a.b', {'k': 'a'}, 1] | replace({'a': 'o'})", '["o.b",{"k":"o"},"1"]'),
    ("'foo123' | replace({'([a-z]+)([0-9]+)': '$2-$1'}, regexp=true)", "123-foo"),
    ("'2024-01' | regexExtract('([0-9]+)-([0-9]+)', 2)", "01"),
    ("'abc' | regexMatch('^a.c$')", "true"),
    ("'aXbX' | regexReplace('X', '.')", "a.b."),
    ("'Ünï çødé_x  y!' | slugify", "uni-cde-x-y"),
    ("'a\\nb' | length", "4"),
    ("'it\\'s' | escapeChar('shell')", "it'\\''s"),
    ("'a b&c=~*' | urlencode", "a+b%26c%3D%7E*"),
    ("'a+b%26' | urldecode", "a b&"),
    ("'é' | base64encode | base64decode", "é"),
    ("'x' | md5", "9dd4e461268c8034f5c8564e155c67a6"),
    ("'x' | sha1", "11f6ad8ec52a2984abaafd7c3b516503785c2072"),
    ("[1, 'a'] | string", '[1,"a"]'),
    ("'  x ' | trim", "x"),
    # structures
    ("fromJson('{\"a\": [1, null]}').a", "[1,null]"),
    ("{'a': [1, null], 'b': null} | toJson", '{"a":[1,null]}'),
    ("'[1]' is json", "true"),
    ("'{a' is json", "false"),
    ("[] is empty and '' is empty and {} is empty", "true"),
    ("4 is even and 3 is odd", "true"),
    # the execution
    ("currentEachOutput(outputs.t).v", "1"),
    ("tasksWithState('failed')", '[{"taskId":"a","state":"FAILED"},{"taskId":"b","state":"FAILED","value":"x"}]'),
    ("printContext().flow", '{"namespace":"io.acme"}'),
    ("fileURI('a/b.txt')", "kestra:///io/acme/_files/a/b.txt"),
    # the world
    ("secret('K')", "K/None/None"),
    ("secret('K', subkey='s', namespace='ns')", "K/ns/s"),
    ("read('f.txt')", "<f.txt>"),
    ("now()", "2024-01-02T03:04:05.123000Z"),
    ("now('yyyy', timeZone='Europe/Paris')", "2024"),
    ("id()", "n3wId"),
    ("errorLogs()[0].message", "boom"),
    ("randomInt(3, 4)", "3"),
    ("nanoId(length=4, alphabet='a')", "aaaa"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "wanted"), CASES)
def test_it_gives(expression: str, wanted: str) -> None:
    assert render("{{ " + expression + " }}", CONTEXT, world=World()) == wanted


FAULTS = [
    ("'x' | date", "`x` is not an ISO-8601 date"),
    ("'2024-02-30' | date", "is not a date that exists"),
    ("at | date('yyyy-bb')", "the letter `b`, which means nothing"),
    ('at | date("\'x")', "a quote that is not closed"),
    ("at | date(timeZone='Mars/Phobos')", "`Mars/Phobos` is not a time zone"),
    ("at | date(timeZone='../../etc/passwd')", "is not a time zone"),
    ("at | date(locale='tlh')", "dates cannot be written in the locale `tlh`"),
    ("at | dateAdd(1, 'FORTNIGHTS')", "`FORTNIGHTS` is not a unit of time"),
    ("at | dateAdd(99999999, 'YEARS')", "outside the years 1 to 9999"),
    ("'abc' | number", "abc is not a valid number"),
    ("'1_000' | number", "1_000 is not a valid number"),
    ("'99999999999' | number('INT')", "is not a valid number"),
    ("5 | number", "must be a text, not a number"),
    ("5 | numberFormat('0.0.0')", "is not a number pattern"),
    ("[1, 'a'] | sort", "only texts can be sorted, or only numbers"),
    ("text | slice(1, 99)", "toIndex must be smaller than input size: 16"),
    ("list | chunk(0)", "must be at least 1"),
    ("'%%%' | base64decode", "this is not base64"),
    ("fromJson('{')", "Invalid json"),
    ("fromJson('NaN')", "Invalid json"),
    ("'a' is even", "takes a whole number"),
    ("fileURI('../x')", "cannot go up"),
    ("randomInt(2, 2)", "upper must be greater than lower"),
    ("read('x', version=2)", "files are as Git has them"),
    ("range(1, 5, 0)", "must be different from 0"),
    ("currentEachOutput(flow)", "No execution outputs"),
]


@pytest.mark.parametrize(("expression", "reason"), FAULTS)
def test_it_refuses(expression: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        render("{{ " + expression + " }}", CONTEXT, world=World())
    assert reason in caught.value.message


def test_what_the_world_raises_passes_through_untouched() -> None:
    with pytest.raises(NotFound) as caught:
        render("{{ secret('NOPE') ?? 'x' }}", {}, world=World())
    assert caught.value.message == "Cannot find secret for key 'NOPE'."


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("uuid()", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("ksuid()", r"[0-9A-Za-z]{27}"),
        ("nanoId()", r"[\w-]{21}"),
        ("randomPort()", r"(49|5\d|6[0-5])\d{3}"),
    ],
)
def test_what_is_drawn_has_its_shape(expression: str, shape: str) -> None:
    assert re.fullmatch(shape, str(render("{{ " + expression + " }}", {}, world=World())))


JAVA_PATTERNS = [
    (r"\Qa.b\E", "xa.by", "a.b"),
    (r"\d{2,3}", "a1234", "123"),
    (r"(?i)HE\w", "hello", "hel"),
    (r"[\w&&[^x]]+", "xab", "ab"),
    (r"[a[bc]]+", "xabc", "abc"),
    (r"[^a-c[x]]", "axby", "y"),
    (r"[]x]+", "a]x", "]x"),
    (r"[a-z&&\p{L}]", None, "an intersection (`&&`) of properties"),
    (r"a$", "a\n", "a"),
    (r"a\Z", "a\r\n", "a"),
    (r"(?s)a.*$", "a\n", "a\n"),
    (r"(?s)a.*?$", "ab\n", "ab"),
    (r"(?i)é", "É", None),
    (r"(?iu)é", "É", "É"),
    (r"(?i:a)b", "Ab", "Ab"),
    (r"(?i:a)b", "aB", None),
    (r"(?s:a.)b.", "a\nb\n", None),
    (r"(?m)^b$", "a\nb\nc", "b"),
    (r"(?x) a b # a comment", "ab", "ab"),
    (r"a(?=b)", None, "a look-ahead"),
    (r"(?<!a)b", None, "a look-behind"),
    (r"(a)\1", None, "a back reference"),
    (r"a++", None, "a possessive quantifier"),
    (r"a{1,2000}", None, "the bound of 1,000"),
    (r"(?>a)", None, "an atomic group"),
    (r"[a", None, "a character class that is not closed"),
    (r"a{", None, "a `{` that is no repetition"),
    (r"(a", None, "the regular expression"),
    (r"(?<year>\d+)", "in 2024", "2024"),
    (r"\p{Lu}\p{Alpha}+", "an Öl", "Öl"),
    (r"\x41\u0042", "zAB", "AB"),
    (r"a.c", "a\rc", None),
    (r"\s\S", "a \x0bb", "\x0bb"),
]


@pytest.mark.parametrize(("pattern", "text", "wanted"), JAVA_PATTERNS)
def test_java_patterns_mean_what_they_mean_in_java_or_are_refused(
    pattern: str, text: str | None, wanted: str | None
) -> None:
    variables = {"text": text or "", "pattern": pattern}
    if text is None:
        with pytest.raises(ExpressionError) as caught:
            render("{{ text | regexMatch(pattern) }}", variables)
        assert str(wanted) in caught.value.message
    else:
        assert render("{{ text | regexExtract(pattern) }}", variables, typed=True) == wanted
