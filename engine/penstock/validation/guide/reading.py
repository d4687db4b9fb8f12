"""The guide to YAML and encoding (PEN1xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide, Made, flow

_HELLO = flow("")
_LOG = "io.kestra.plugin.core.log.Log"


def _large() -> bytes:
    return (flow("description: |\n" + "  one more line of data\n" * 150_000)).encode()


def _slipped() -> bytes:
    tasks = "".join(f"  - {{id: t{n}, type: {_LOG}, message: x, mesage: x}}\n" for n in range(600))
    return flow("tasks:\n" + tasks).encode()


GUIDES: tuple[Guide, ...] = (
    Guide(
        "PEN101",
        "A flow is read as UTF-8. Bytes of another encoding become other letters, or nothing at all, and it is told "
        "only when the flow is uploaded, if ever. UTF-16 can be read, and is warned of: other tools cannot.",
        Made("A flow saved as Latin-1, with an accent in its description.",
             lambda: flow("description: Café").encode("latin-1")),
        flow("description: Café"),
    ),
    Guide(
        "PEN102",
        "YAML of this size is no flow but data in one. Reading it costs a server its memory, and nobody can review it. "
        "Scripts and data belong into files beside the flow.",
        Made("A flow with 3.3 MB of text in its description.", _large),
        _HELLO,
    ),
    Guide(
        "PEN103",
        "YAML counts spaces to know what belongs to what, and forbids tabs there because nobody agrees on how wide a "
        "tab is. Editors show both alike, so the fault cannot be seen.",
        f"id: example\nnamespace: company.team\ntasks:\n  - id: hello\n\ttype: {_LOG}\n    message: Hello\n",
        _HELLO,
    ),
    Guide(
        "PEN104",
        "What is no YAML is no flow. The usual causes are text that holds `: ` without quotes, an expression at the "
        "beginning of a value (`{{` opens a mapping), and a line that is a column off.",
        flow("description: Note: read this first"),
        flow("description: 'Note: read this first'"),
    ),
    Guide(
        "PEN105",
        "YAML allows a list or a mapping as a key, a flow does not. It is hardly ever meant: an expression without "
        "quotes, `{{ inputs.name }}`, is a mapping whose key is a mapping.",
        flow("variables:\n  greeting: {{ flow.id }}"),
        flow('variables:\n  greeting: "{{ flow.id }}"'),
    ),
    Guide(
        "PEN106",
        "Kestra reads one flow from a file and knows it by its id. What stands behind `---` would never be deployed.",
        _HELLO + "---\n" + _HELLO,
        {"flows/first.yaml": _HELLO, "flows/second.yaml": _HELLO.replace("id: example", "id: second")},
    ),
    Guide(
        "PEN107",
        "Aliases within aliases unfold to any size: a few lines can fill a machine's memory. Fifty levels, fifty "
        "aliases to lists and mappings, and a hundred thousand values are more than a flow can need.",
        flow("variables:\n  deep: " + "[" * 60 + "]" * 60),
        flow("variables:\n  deep: [[1, 2], [3, 4]]"),
    ),
    Guide(
        "PEN108",
        "An alias stands for what its anchor names, and the anchor must stand before it in the same file. Anchors of "
        "other files are not known.",
        flow("labels:\n  team: *owner"),
        flow("variables:\n  owner: &owner data\nlabels:\n  team: *owner"),
    ),
    Guide(
        "PEN109",
        "YAML can write infinity, JSON cannot, and a flow goes through JSON on its way. A tag that says `!!int` over "
        "something that is none says two things at once.",
        flow("variables:\n  limit: .inf"),
        flow("variables:\n  limit: '.inf'"),
    ),
    Guide(
        "PEN110",
        "Tags make YAML build objects, which is how files became programs elsewhere. A flow is data: only the tags of "
        "plain values are read. Text that begins with `!` needs quotes.",
        flow("variables:\n  greeting: !loud hello"),
        flow("variables:\n  greeting: '!loud hello'"),
    ),
    Guide(
        "PEN111",
        "Of two equal keys one is silently lost with most readers, and Kestra refuses the flow. It happens when a "
        "block is copied, and the one that is kept is not always the one that was meant.",
        flow("description: The first\nlabels: {team: data}\ndescription: The second"),
        flow("description: The first\nlabels: {team: data}"),
    ),
    Guide(
        "PEN112",
        "A flow is a mapping that begins with `id`, `namespace` and `tasks`. A file that holds a list or a single "
        "value was meant as something else, or lost its first lines.",
        f"- id: hello\n  type: {_LOG}\n  message: Hello\n",
        _HELLO,
    ),
    Guide(
        "PEN113",
        "Among the flows lies a YAML file that has neither `id` nor `namespace` nor `tasks`. It is noted, because a "
        "file that was meant as a flow would otherwise just not be deployed.",
        {"flows/example.yaml": _HELLO, "flows/colours.yaml": "red: 1\ngreen: 2\n"},
        {"flows/example.yaml": _HELLO, "flows/colours.yaml": "red: 1\ngreen: 2\n",
         ".penstockignore": "flows/colours.yaml\n"},
    ),
    Guide(
        "PEN114",
        "In YAML 1.1 `yes` and `on` are true, `017` is 15, `12:30:45` is 45045 and `2026-01-02` a moment; in YAML 1.2 "
        "they are words and plain numbers. Penstock reads 1.2. Kestra has changed its reader more than once, and its "
        "newer versions read by the rules of 1.1, as many editors and scripts do. `3.10` is 3.1 to everybody, which "
        "matters where a text is meant, as of a version. Quotes make everybody read what is written.",
        flow("variables:\n  start: 12:30:45\n  answer: yes\nlabels:\n  version: 3.10"),
        flow("variables:\n  start: '12:30:45'\n  answer: 'yes'\nlabels:\n  version: '3.10'"),
    ),
    Guide(
        "PEN115",
        "An anchor that nothing refers to does nothing. Either it was left over, or the alias that was to use it was "
        "forgotten, and what it should share is now written twice.",
        flow("variables:\n  owner: &owner data"),
        flow("variables:\n  owner: &owner data\n  team: *owner"),
    ),
    Guide(
        "PEN116",
        "So many findings have one cause, or the file is no flow at all: nobody reads five hundred of them. Once there "
        "are enough the file is judged no further, and this says so: what is not told may be there all the same.",
        Made("A flow with 600 tasks that all have the same unknown property.", _slipped),
        _HELLO,
    ),
    Guide(
        "PEN190",
        "A `penstock.yaml` that cannot be read decides nothing, and going on without it would judge and deploy by "
        "other rules than the repository's. So every command stops here.",
        {"penstock.yaml": "flows: [flows/**\n", "flows/example.yaml": _HELLO},
        {"penstock.yaml": "flows: [flows/**]\n", "flows/example.yaml": _HELLO},
    ),
)  # fmt: skip
