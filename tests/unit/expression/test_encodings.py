"""JSON by our own bounds, and ciphers: another nonce each time, and nothing told about keys."""

from __future__ import annotations

import pytest

from penstock.expression import Budget, BudgetExceeded, ExpressionError, render
from penstock.expression.library.ciphers import decrypt, encrypt

KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="


@pytest.mark.parametrize(
    ("depth", "is_read"), [(50, True), (51, False), (300, False), (900, False), (2000, False), (100_000, False)]
)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_is_as_deep_as_the_budget_says(depth: int, is_read: bool, opening: str, closing: str) -> None:
    variables = {"deep": opening * depth + "1" + closing * depth}
    if is_read:
        assert render("{{ fromJson(deep) }}", variables) == variables["deep"]
        return
    with pytest.raises(BudgetExceeded, match="depth bound of 50 levels"):
        render("{{ fromJson(deep) | length }}", variables)


def test_json_is_no_longer_than_the_budget_says() -> None:
    with pytest.raises(BudgetExceeded, match="output bound of 10 characters"):
        render("{{ fromJson(text) }}", {"text": "[1, 2, 3, 4]"}, budget=Budget(output=10))


def test_wide_json_is_read_whole() -> None:
    text = "[" + ",".join(['{"a":[1,2,3]}'] * 20_000) + "]"
    assert render("{{ fromJson(text) | length }}", {"text": text}, budget=Budget(wall_s=20)) == "20000"


def test_the_same_text_is_never_encrypted_to_the_same() -> None:
    made = {render(f"{{{{ encrypt('{KEY}', 'hello') }}}}", {}) for _ in range(50)}
    assert len(made) == 50
    assert {decrypt(KEY, str(one)) for one in made} == {"hello"}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("c2VjcmV0LWtleQ==", "AAAA"),
        ("shh!", "AAAA"),
        (KEY, "%%%"),
        (KEY, encrypt(KEY, "hello", bytes(12))[:-4] + "AAA="),
    ],
)
def test_a_fault_shows_neither_key_nor_text(key: str, text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        decrypt(key, text)
    assert key not in caught.value.message
    assert text not in caught.value.message


def test_what_was_changed_is_not_decrypted() -> None:
    sealed = encrypt(KEY, "pay 100", bytes(range(12)))
    for at in range(0, len(sealed) - 2, 5):
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(ExpressionError, match="this key does not decrypt it"):
            decrypt(KEY, changed)
