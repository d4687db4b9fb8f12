"""What secrets look like: shapes that their issuers gave them, names they go by, and text that is as good as random.

Patterns are texts here and in the rules that advise: `re` compiles each when it is first needed, which it rarely is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from math import log2
from typing import NamedTuple


class Shape(NamedTuple):
    """A kind of token that is known by its form, which begins with letters of its own: `lead` is one that it holds."""

    noun: str
    lead: str
    pattern: str
    within: bool = False
    """It may stand right behind other letters."""


SHAPES = (
    Shape("an access key of AWS", "AKIA", r"AKIA[A-Z2-7]{16}(?![A-Za-z0-9])"),
    Shape("an access key of AWS", "ASIA", r"ASIA[A-Z2-7]{16}(?![A-Za-z0-9])"),
    Shape("a token of GitHub", "gh", r"gh[pousr]_[A-Za-z0-9]{36,}"),
    Shape("a token of GitHub", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    Shape("a token of GitLab", "gl", r"gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent)-[A-Za-z0-9_-]{20,}"),
    Shape("a token of Slack", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    Shape("the address of a Slack webhook", "hooks.slack", r"hooks\.slack\.com/(?:services|triggers)/[\w/]{20,}"),
    Shape("the address of a Discord webhook", "/api/webhooks/", r"/api/webhooks/[0-9]{10,}/[\w-]{40,}", within=True),
    Shape("a key of Stripe", "k_live_", r"[rs]k_live_[A-Za-z0-9]{16,}"),
    Shape("a key of Google", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    Shape("a secret of Google OAuth", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    Shape("a token of Google OAuth", "ya29.", r"ya29\.[A-Za-z0-9_-]{30,}"),
    Shape("a key of Anthropic", "sk-ant-", r"sk-ant-[A-Za-z0-9_-]{20,}"),
    Shape("a key of OpenAI", "sk-", r"sk-(?!ant-)(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}"),
    Shape("a token of npm", "npm_", r"npm_[A-Za-z0-9]{36}"),
    Shape("a token of PyPI", "pypi-", r"pypi-[A-Za-z0-9_-]{40,}"),
    Shape("a token of Hugging Face", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    Shape("a key of SendGrid", "SG.", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{30,}"),
    Shape("a token of Databricks", "dapi", r"dapi[0-9a-f]{32}"),
    Shape("a token of DigitalOcean", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    Shape("a token of Grafana", "gl", r"gls?a_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    Shape("a token of Docker", "dckr_", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    Shape("a token of a Telegram bot", ":AA", r":AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])", within=True),
    Shape("a key of Azure", "Key=", r"(?:Account|SharedAccess)Key=[A-Za-z0-9+/]{40,}={0,2}", within=True),
    Shape("a JSON Web Token", "eyJ", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    Shape(
        "a private key", "-----BEGIN",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?!-----)[\s\S]){20,20000}(?:-----END [A-Z ]{0,40}-----)?",
    ),
)  # fmt: skip
_LEADS = frozenset(shape.lead for shape in SHAPES)
_BEHIND_OTHERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")

_SECRETS = frozenset(
    {
        "password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "apitoken", "authtoken", "accesstoken",
        "secretkey", "privatekey", "pgpassword", "authorization", "credential", "credentials", "sas",
    }
)  # fmt: skip
_BEFORE_KEY = frozenset(
    {"api", "secret", "private", "access", "auth", "encryption", "account", "shared", "signing", "client", "master",
     "subscription", "deploy", "ssh", "license"}
)  # fmt: skip
_NOT_SECRET = frozenset(
    {"next", "page", "continuation", "cancel", "sync", "pull", "existing", "has", "is", "use", "with", "no", "max",
     "min", "stop", "end", "start", "eos", "bos", "pad", "unk"}
)  # fmt: skip
"""`nextToken` pages through a list, `imagePullSecret` is a name, `usePassword` is a yes or no."""

_WEAK = frozenset({"key", "auth", "signature", "salt", "dsn", "connectionstring", "hash"})
_PARTS = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+"
_PLACEHOLDER = r"""(?ix)\{\{ | \{% | ^\$ | ^%[^%]+%$ | ^<.*>$ | ^\[.*\]$ | ^(?:x+|\*+|\.+|-+|_+|…)$
      | ^(?:your|my|some|insert|enter|replace|add|put|the|dummy|fake)[-_ ]
      | placeholder | redacted | ^(?:null|none|nil|undefined|todo|tbd|n/a|unset|empty)$"""
_NAME_IN_CAPITALS = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"
_ELSEWHERE = r"(?:[a-z][a-z0-9+.-]*://|\.{0,2}/|~/|[A-Za-z]:\\)\S*|\S+\.(?:pem|key|json|p12|jks|crt|ya?ml|txt)"
_DIGEST = (
    r"(?i)(?:sha\d+:)?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_SCHEME = r"(?i)(?:bearer|basic|token|digest|apikey)\s+(?=\S)"


def shapes_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Tokens that are known by their form: start, end, and what it is."""
    leads = {lead for lead in _LEADS if lead in text}
    for shape in SHAPES if leads else ():
        if shape.lead not in leads:
            continue
        for match in re.finditer(shape.pattern, text):
            start = match.start()
            is_part = not shape.within and start > 0 and text[start - 1] in _BEHIND_OTHERS
            if not is_part and "{{" not in match[0]:
                yield start, match.end(), shape.noun


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is a secret, by its last words: `apiKey` and `db_password`, not `tokenUrl`."""
    words = _words(name)
    if not words:
        return False
    before = words[-2] if len(words) > 1 else ""
    if words[-1] in _SECRETS or (before + words[-1]) in _SECRETS:
        return before not in _NOT_SECRET
    return words[-1] == "key" and before in _BEFORE_KEY


def is_weak_name(name: str) -> bool:
    """Whether what goes by this name may be a secret: it is one if it looks like it."""
    words = _words(name)
    return bool(words) and (words[-1] in _WEAK or "".join(words[-2:]) in _WEAK)


def _words(name: str) -> list[str]:
    words = [word.lower() for word in re.findall(_PARTS, name)]
    while words and words[-1].isdigit():
        words.pop()
    return words


def is_placeholder(value: str) -> bool:
    """Whether a value stands for a secret, or says where it is, rather than being one."""
    text = value.strip()
    return (
        len(text) < 3
        or re.search(_PLACEHOLDER, text) is not None
        or re.fullmatch(_NAME_IN_CAPITALS, text) is not None
        or re.fullmatch(_ELSEWHERE, text) is not None
    )


def is_prose(value: str) -> bool:
    """Several words: a sentence about a secret."""
    return len(value.split()) > 2


def after_scheme(value: str) -> int:
    """Where the secret begins in the value of an Authorization header."""
    match = re.match(_SCHEME, value)
    return match.end() if match is not None else 0


def looks_random(text: str, *, least: int = 8, bits: float = 2.75) -> bool:
    """Letters and digits in no order: at least so long, and of so much entropy a character. A digest is none."""
    if len(text) < least or re.fullmatch(_DIGEST, text) or not text.isascii():
        return False
    if text.isalpha() or text.isdigit() or not any(map(str.isdigit, text)):
        return False
    return entropy(text) >= bits


def entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    size = len(text)
    return -sum(count / size * log2(count / size) for count in Counter(text).values())
