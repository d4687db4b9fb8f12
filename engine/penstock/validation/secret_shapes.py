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
    """A kind of token that is known by its form: it begins with one of `leads`, and `rest` follows."""

    noun: str
    leads: tuple[str, ...]
    rest: str
    within: bool = False
    """It may stand right behind other letters."""


SHAPES = (
    Shape("an access key of AWS", ("AKIA", "ASIA"), r"[A-Z2-7]{16}(?![A-Za-z0-9])"),
    Shape("a token of GitHub", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{36,}"),
    Shape("a token of GitHub", ("github_pat_",), r"[A-Za-z0-9_]{22,}"),
    Shape(
        "a token of GitLab",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-", "glimt-", "glagent-"), r"[\w-]{20,}",
    ),
    Shape("a token of Slack", ("xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"), r"[A-Za-z0-9-]{10,}"),
    Shape("the address of a Slack webhook", ("hooks.slack.com/services/", "hooks.slack.com/triggers/"), r"[\w/]{20,}"),
    Shape("the address of a Discord webhook", ("/api/webhooks/",), r"[0-9]{10,20}/[\w-]{40,}", within=True),
    Shape("a key of Stripe", ("sk_live_", "rk_live_"), r"[A-Za-z0-9]{16,}"),
    Shape("a key of Google", ("AIza",), r"[\w-]{35}"),
    Shape("a secret of Google OAuth", ("GOCSPX-",), r"[\w-]{20,}"),
    Shape("a token of Google OAuth", ("ya29.",), r"[\w-]{30,}"),
    Shape("a key of Anthropic", ("sk-ant-",), r"[\w-]{20,}"),
    Shape("a key of OpenAI", ("sk-",), r"(?!ant-)(?:proj-|svcacct-)?[\w-]{32,}"),
    Shape("a token of npm", ("npm_",), r"[A-Za-z0-9]{36}"),
    Shape("a token of PyPI", ("pypi-",), r"[\w-]{40,}"),
    Shape("a token of Hugging Face", ("hf_",), r"[A-Za-z0-9]{30,}"),
    Shape("a key of SendGrid", ("SG.",), r"[\w-]{16,64}\.[\w-]{30,}"),
    Shape("a token of Databricks", ("dapi",), r"[0-9a-f]{32}"),
    Shape("a token of DigitalOcean", ("dop_v1_", "doo_v1_", "dor_v1_"), r"[0-9a-f]{64}"),
    Shape("a token of Grafana", ("glsa_",), r"[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    Shape("a token of Docker", ("dckr_pat_", "dckr_oat_"), r"[\w-]{20,}"),
    Shape("a token of a Telegram bot", (":AA",), r"[\w-]{33}(?![\w-])", within=True),
    Shape("a key of Azure", ("AccountKey=", "SharedAccessKey="), r"[A-Za-z0-9+/]{40,}={0,2}", within=True),
    Shape("a JSON Web Token", ("eyJ",), r"[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    Shape(
        "a private key", ("-----BEGIN ",),
        r"[A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\s\S]){20,20000}(?:-----END [A-Z ]{0,40}-----)?",
    ),
)  # fmt: skip
_BY_LEAD = {lead: shape for shape in SHAPES for lead in shape.leads}
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
    for lead, shape in _BY_LEAD.items():
        start = text.find(lead)
        if start < 0:
            continue
        rest = re.compile(shape.rest, re.ASCII)
        while start >= 0:
            end = start + len(lead)
            if shape.within or start == 0 or text[start - 1] not in _BEHIND_OTHERS:
                match = rest.match(text, end)
                if match is not None and "{{" not in match[0]:
                    end = match.end()
                    yield start, end, shape.noun
            start = text.find(lead, end)


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
