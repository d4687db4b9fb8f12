"""Java's regular expressions: read by a parser of our own, written in the language of RE2.

RE2 accepts some Java patterns with another meaning (`[a-z&&[^b]]`, `(?i)` beyond ASCII, `$` before the last line
end), so nothing reaches it unread. What Java has and RE2 cannot (look-around, back references, possessive
quantifiers) is refused with its place in the pattern. Source: java.util.regex.Pattern of JDK 21.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from penstock.expression.errors import BudgetExceeded, ExpressionError
from penstock.expression.regex import charsets
from penstock.expression.regex.charsets import CharSet

_REPEAT_MOST = 1_000
_CLASS_DEPTH = 20
_KNOWN_FLAGS = frozenset("imsdux")
_LINE_ENDS = r"\n\r\x{85}\x{2028}\x{2029}"
_REFUSED_GROUPS = (
    ("(?=", "a look-ahead"),
    ("(?!", "a look-ahead"),
    ("(?<=", "a look-behind"),
    ("(?<!", "a look-behind"),
    ("(?>", "an atomic group"),
)
_SETS = {
    "d": charsets.DIGIT, "w": charsets.WORD, "s": charsets.SPACE, "h": charsets.HORIZONTAL, "v": charsets.VERTICAL,
}  # fmt: skip
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_PROPERTIES = {
    "IsAlphabetic": CharSet(properties=(r"\p{L}", r"\p{Nl}")),
    "IsLetter": CharSet(properties=(r"\p{L}",)),
    "IsDigit": CharSet(properties=(r"\p{Nd}",)),
    "IsPunctuation": CharSet(properties=(r"\p{P}",)),
    "IsControl": CharSet(properties=(r"\p{Cc}",)),
    "IsUppercase": CharSet(charsets.OTHER_UPPER.ranges, (r"\p{Lu}",)),
    "IsLowercase": CharSet(charsets.OTHER_LOWER.ranges, (r"\p{Ll}",)),
    "javaUpperCase": CharSet(charsets.OTHER_UPPER.ranges, (r"\p{Lu}",)),
    "javaLowerCase": CharSet(charsets.OTHER_LOWER.ranges, (r"\p{Ll}",)),
    "IsWhite_Space": charsets.VERTICAL
    | charsets.of("\t \xa0\u1680\u202f\u205f\u3000")
    | charsets.spans("\u2000\u200a"),
}


_LETTERS_WITH_CASE = CharSet((charsets.OTHER_UPPER | charsets.OTHER_LOWER).ranges, (r"\p{Lu}", r"\p{Ll}", r"\p{Lt}"))
# With `(?i)` they are one (JDK-8214245).
_CASES = frozenset({"Lu", "Ll", "Lt", "Uppercase", "Lowercase", "javaUpperCase", "javaLowerCase"})


@dataclass(frozen=True, slots=True)
class Translation:
    """A pattern for RE2, and where it needs help because RE2 looks at no neighbour of a place.

    ends        `$` or `\\Z`, which in Java also stands before the last line end
    lines       `^` or `$` of lines, for which RE2 knows one line end, the line feed
    line_start  `^` of lines, which in Java never stands at the end of the text
    is_lazy     some quantifier takes as little as it can
    """

    text: str
    ends: bool = False
    lines: bool = False
    line_start: bool = False
    is_lazy: bool = False


def translate(pattern: str) -> Translation:
    """Raises ExpressionError with the place of what cannot be taken, BudgetExceeded for a repetition too large."""
    return _Translator(pattern).translation()


class _Translator:
    """One walk over a Java pattern. `flags` are those that hold at `at`; an open group keeps the outer ones."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.flags: frozenset[str] = frozenset()
        self.outer: list[frozenset[str]] = []
        self.ends = self.lines = self.line_start = self.is_lazy = False

    def translation(self) -> Translation:
        out: list[str] = []
        while self.at < len(self.pattern):
            out.append(self._part(self.pattern[self.at]))
        return Translation("".join(out), self.ends, self.lines, self.line_start, self.is_lazy)

    def _part(self, char: str) -> str:
        if char == "\\":
            return self._escape()
        if char == "[":
            return self._written(self._class(0))
        if char == "(":
            return self._group()
        if char in "*+?{":
            return self._quantifier(char)
        if "x" in self.flags and self._skip_comment():
            return ""
        self.at += 1
        if char == ")":
            if self.outer:
                self.flags = self.outer.pop()
            return char
        if char == "|":
            return char
        if char == ".":
            return self._dot()
        if char == "^":
            return self._start()
        if char == "$":
            return self._end()
        return self._literal(char)

    def _refuse(self, what: str) -> NoReturn:
        raise ExpressionError(f"the regular expression `{self.pattern}` has {what} at character {self.at + 1}")

    def _peek(self, length: int = 1) -> str:
        return self.pattern[self.at : self.at + length]

    def _skip_comment(self) -> bool:
        """With `(?x)`: over white space, or from `#` to the end of its line."""
        if self._peek() in " \t\n\x0b\f\r":
            self.at += 1
            return True
        if self._peek() != "#":
            return False
        end = self.pattern.find("\n", self.at)
        self.at = len(self.pattern) if end < 0 else end + 1
        return True

    # -- places and single characters -----------------------------------------------------------------------------

    def _dot(self) -> str:
        if "s" in self.flags:
            return "(?s:.)"
        return r"[^\n]" if "d" in self.flags else f"[^{_LINE_ENDS}]"

    def _start(self) -> str:
        if "m" not in self.flags:
            return r"\A"
        self.lines = self.line_start = True
        return "(?m:^)"

    def _end(self) -> str:
        if "m" not in self.flags:
            self.ends = True
            return r"\z"
        self.lines = True
        return "(?m:$)"

    def _literal(self, char: str) -> str:
        if "i" in self.flags and char.isalpha():
            if "u" in self.flags:
                return f"(?i:{char})"
            if char.isascii():
                return f"[{char}{char.swapcase()}]"
        return char if not char.isascii() or char.isalnum() else rf"\x{{{ord(char):x}}}"

    # -- groups and quantifiers -----------------------------------------------------------------------------------

    def _group(self) -> str:
        if self._peek(2) != "(?":
            self.at += 1
            self.outer.append(self.flags)
            return "("
        for opening, what in _REFUSED_GROUPS:
            if self._peek(len(opening)) == opening:
                self._refuse(f"{what}, which is not supported,")
        if self._peek(3) == "(?<":
            end = self.pattern.find(">", self.at)
            name = self.pattern[self.at + 3 : end]
            if end < 0 or not name.isascii() or not name.isalnum() or name[:1].isdigit():
                self._refuse("a group without a proper name")
            self.at = end + 1
            self.outer.append(self.flags)
            return f"(?P<{name}>"
        self.at += 2
        start = self.at
        while self._peek() and (self._peek().isalpha() or self._peek() == "-"):
            self.at += 1
        on, _, off = self.pattern[start : self.at].partition("-")
        if self._peek() not in (":", ")") or not _KNOWN_FLAGS.issuperset(on + off):
            self._refuse("flags that are not supported")
        scoped = self._peek() == ":"
        self.at += 1
        if scoped:
            self.outer.append(self.flags)
        self.flags = self.flags.union(on).difference(off)
        return "(?:" if scoped else ""

    def _quantifier(self, char: str) -> str:
        start = self.at
        if char == "{":
            end = self.pattern.find("}", self.at)
            low, comma, high = self.pattern[self.at + 1 : end].partition(",")
            if end < 0 or not low.isdecimal() or not (high.isdecimal() or not high):
                self._refuse("a `{` that is no repetition (write `\\{`)")
            if len(low + high) > 8 or int(high or low) > _REPEAT_MOST or (comma and int(low) > _REPEAT_MOST):
                raise BudgetExceeded(f"a repetition in a regular expression passes the bound of {_REPEAT_MOST:,}")
            self.at = end + 1
        else:
            self.at += 1
        if self._peek() == "+":
            self._refuse("a possessive quantifier, which is not supported,")
        if self._peek() == "?":
            self.at += 1
            self.is_lazy = True
        return self.pattern[start : self.at]

    # -- classes --------------------------------------------------------------------------------------------------

    def _written(self, members: tuple[CharSet, bool]) -> str:
        found, negated = members
        if "i" in self.flags and "u" in self.flags:
            return f"(?i:{found.written(negated=negated)})"
        return found.written(negated=negated)

    def _class(self, depth: int) -> tuple[CharSet, bool]:
        """A class from its `[` to its `]`: its members, and whether they are those that it does not match."""
        if depth > _CLASS_DEPTH:
            self._refuse("classes nested too deep")
        self.at += 1
        negated = self._peek() == "^"
        if negated:
            self.at += 1
        whole: CharSet | None = None
        operand: CharSet | None = None
        while True:
            char = self._peek()
            if not char:
                self._refuse("a character class that is not closed")
            if char == "]" and (operand is not None or whole is not None):
                break
            if self._peek(2) == "&&":
                self.at += 2
                if operand is not None:
                    whole = self._cut(whole, operand)
                    operand = None
                continue
            if "x" in self.flags and self._skip_comment():
                continue
            operand = (operand or CharSet()) | self._members(char, depth)
        self.at += 1
        if operand is not None:
            whole = self._cut(whole, operand)
        assert whole is not None
        if "i" in self.flags:
            whole = whole.without_case()
        return whole, negated

    def _cut(self, whole: CharSet | None, operand: CharSet) -> CharSet:
        if whole is None:
            return operand
        if not (whole.is_plain and operand.is_plain):
            self._refuse("an intersection (`&&`) of properties of Unicode, which is not supported,")
        return whole & operand

    def _members(self, char: str, depth: int) -> CharSet:
        if char == "[":
            inner, negated = self._class(depth + 1)
            if not negated:
                return inner
            if not inner.is_plain:
                self._refuse("a class within a class that turns a property of Unicode round, which is not supported,")
            return inner.inverted()
        if char == "\\":
            found = self._escaped_members()
            if not isinstance(found, str):
                return found
            char = found
        else:
            self.at += 1
        if self._peek() != "-" or self._peek(2) in ("-]", "-[", "-&", "-"):
            return charsets.of(char)
        self.at += 1
        last: str | CharSet
        if self._peek() == "\\":
            last = self._escaped_members()
        else:
            last = self._peek()
            self.at += 1
        if not isinstance(last, str) or ord(last) < ord(char):
            self._refuse("a range that goes nowhere")
        return CharSet(((ord(char), ord(last)),))

    # -- escapes --------------------------------------------------------------------------------------------------

    def _escape(self) -> str:
        char = self.pattern[self.at + 1 : self.at + 2]
        if char in ("b", "B", "A", "z"):
            self.at += 2
            return "\\" + char
        if char == "Z":
            self.at += 2
            self.ends = True
            return r"\z"
        if char == "R":
            self.at += 2
            return r"(?:\r\n|[\n\x0b\f\r\x{85}\x{2028}\x{2029}])"
        if char == "Q":
            return "".join(self._literal(one) for one in self._quotation())
        found = self._escaped_members()
        return self._literal(found) if isinstance(found, str) else found.written()

    def _quotation(self) -> str:
        """What stands between `\\Q` and `\\E`, or the end."""
        start = self.at + 2
        end = self.pattern.find("\\E", start)
        self.at = end + 2 if end >= 0 else len(self.pattern)
        return self.pattern[start : end if end >= 0 else len(self.pattern)]

    def _escaped_members(self) -> str | CharSet:
        """One character, or several at once, as they may stand in a class too."""
        char = self.pattern[self.at + 1 : self.at + 2]
        if not char:
            self._refuse("a backslash at its end")
        if char in "123456789k":
            self._refuse("a back reference, which is not supported,")
        if char in "uxc0":
            return self._code_point(char)
        if char in "pP":
            return self._property(char)
        if char == "Q":
            return charsets.of(self._quotation())
        kind = _SETS.get(char.lower()) if char.isascii() else None
        if kind is not None:
            self.at += 2
            return kind.inverted() if char.isupper() else kind
        if char in _CONTROLS:
            self.at += 2
            return _CONTROLS[char]
        if char.isascii() and char.isalnum():
            self._refuse(f"`\\{char}`, which is not supported,")
        self.at += 2
        return char

    def _code_point(self, kind: str) -> str:
        start = self.at + 2
        if kind == "x" and self.pattern[start : start + 1] == "{":
            end = self.pattern.find("}", start)
            digits, after = self.pattern[start + 1 : end], end + 1
        else:
            width = {"u": 4, "x": 2, "c": 1, "0": self._octal_width(start)}[kind]
            digits, after = self.pattern[start : start + width], start + width
        try:
            value = ord(digits) ^ 64 if kind == "c" else int(digits, 8 if kind == "0" else 16)
        except (TypeError, ValueError):
            self._refuse("a character code that cannot be read")
        if not 0 <= value <= charsets.LAST or 0xD800 <= value <= 0xDFFF:
            self._refuse("a character code that does not exist")
        self.at = after
        return chr(value)

    def _octal_width(self, start: int) -> int:
        """One to three digits, and three only below 400 (java.util.regex.Pattern, `\\0mnn`)."""
        width = 0
        while width < 3 and self.pattern[start + width : start + width + 1] in tuple("01234567"):
            width += 1
        return 2 if width == 3 and self.pattern[start] > "3" else width

    def _property(self, kind: str) -> CharSet:
        start = self.at + 2
        if self.pattern[start : start + 1] == "{":
            end = self.pattern.find("}", start)
            name, after = self.pattern[start + 1 : end], end + 1
        else:
            name, after = self.pattern[start : start + 1], start + 1
        turned = kind == "P"
        known = charsets.POSIX.get(name) or _PROPERTIES.get(name)
        if "i" in self.flags and name.removeprefix("Is") in _CASES:
            known = _LETTERS_WITH_CASE
        if known is None:
            name = name.removeprefix("Is")
            for key in ("general_category=", "gc=", "script=", "sc="):
                name = name.removeprefix(key)
            if not name.isascii() or not name.replace("_", "").isalpha():
                self._refuse("a property that cannot be read")
            self.at = after
            return CharSet(properties=(rf"\{kind}{{{name}}}",))
        if turned and not known.is_plain and (known.ranges or len(known.properties) > 1):
            self._refuse("a property that cannot be turned round here (write `[^\\p{…}]`)")
        self.at = after
        if not turned:
            return known
        if known.is_plain:
            return known.inverted()
        return CharSet(properties=(known.properties[0].replace(r"\p", r"\P"),))
