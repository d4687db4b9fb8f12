"""The inputs of a flow, a model for each type."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, JsonValue

from penstock.flow.model import InputType
from penstock.tasks.base import Properties
from penstock.tasks.markers import Duration, Text, told

InputId = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][.a-zA-Z0-9_-]*$", min_length=1)]


class Dependency(Properties):
    """On which other inputs this one depends."""

    inputs: list[str] | None = Field(None, description="Their ids; each must be there")
    condition: Text | None = Field(None, description="An expression; unless it is true the input is left out")


class InputBase(Properties):
    """What every input may have."""

    either: ClassVar[tuple[str, ...]] = ("id", "name")

    id: InputId | None = Field(None, description="Name of the input; dots make it nested")
    name: InputId | None = Field(
        None, description="Older spelling of `id`", json_schema_extra=told(until="2.0", old=True)
    )
    description: str | None = Field(None, description="What it is for, in Markdown")
    display_name: str | None = Field(None, max_length=64, description="How people see it named")
    required: bool | None = Field(None, description="Whether it must have a value; it must by default")
    defaults: Any = Field(None, description="The value when none is given")
    prefill: Any = Field(None, description="What a form shows at first", json_schema_extra=told(since="1.1"))
    depends_on: Dependency | None = Field(None, description="Other inputs that it depends on")


class Pattern(InputBase):
    """Text that fits a regular expression."""

    validator: str | None = Field(None, description="A regular expression that the whole text must match")


class WholeNumbers(InputBase):
    """A whole number."""

    min: int | None = Field(None, description="Least value")
    max: int | None = Field(None, description="Greatest value")


class Numbers(InputBase):
    """A number."""

    min: float | None = Field(None, description="Least value")
    max: float | None = Field(None, description="Greatest value")


class Moments(InputBase):
    """A moment, a date or a time of day."""

    after: str | None = Field(None, description="Earliest value")
    before: str | None = Field(None, description="Latest value")


class Lengths(InputBase):
    """A length of time."""

    min: Duration | None = Field(None, description="Shortest")
    max: Duration | None = Field(None, description="Longest")


class Choice(InputBase):
    """One of some values."""

    values: list[Text] | None = Field(None, description="The values to choose from")


class Option(Properties):
    """A value to choose, and how people see it named (Kestra 2)."""

    value: Text = Field(description="The value")
    label: Text | None = Field(None, description="How people see it named")


class Select(InputBase):
    """One of some values, or of those that an expression gives."""

    values: list[Text | Option] | None = Field(None, description="The values to choose from")
    expression: str | None = Field(None, description="An expression that gives the values")
    allow_custom_value: bool | None = Field(None, description="Accept other values too")
    is_radio: bool | None = Field(None, description="Show it as radio buttons")
    auto_select_first: bool | None = Field(None, description="The first value is the default")


class MultiSelect(Choice):
    """Some of some values."""

    options: list[Text] | None = Field(
        None, description="Older spelling of `values`", json_schema_extra=told(until="2.0", old=True)
    )
    expression: str | None = Field(None, description="An expression that gives the values")
    item_type: str | None = Field(None, description="What each value is read as; STRING by default")
    allow_custom_value: bool | None = Field(None, description="Accept other values too")
    auto_select_first: bool | None = Field(None, description="The first value is the default")


class Items(InputBase):
    """A list."""

    item_type: str | None = Field(None, description="What each item is read as")


class Upload(InputBase):
    """A file."""

    extension: str | None = Field(None, description="Ending of its name", json_schema_extra=told(until="2.0", old=True))
    allowed_file_extensions: list[str] | None = Field(None, description="Endings of names that are accepted")
    accept: list[str] | None = Field(None, description="Media types that are accepted")


class Form(InputBase):
    """Inputs that are shown together, and lie under the form's own id: `inputs.form.child`."""

    inputs: list[dict[str, Any]] = Field(description="The inputs; none of them is a form")


class Reused(InputBase):
    """Inputs that are kept elsewhere (Enterprise Edition)."""

    namespace: str | None = Field(None, description="Where they are kept")
    reference: str | None = Field(None, description="What they are kept as")
    inputs: list[Any] | None = Field(None, description="Which of them")


HISTORY: dict[InputType, dict[str, JsonValue]] = {
    InputType.BOOLEAN: told(until="2.0", old=True),
    InputType.ENUM: told(until="2.0", old=True),
    InputType.FORM: told(since="2.0"),
    InputType.REUSABLE_INPUTS: told(since="2.0", enterprise=True),
}
"""The types of inputs that not every version has, and in what edition."""

MODELS: dict[InputType, type[InputBase]] = {
    InputType.STRING: Pattern,
    InputType.SECRET: Pattern,
    InputType.EMAIL: InputBase,
    InputType.INT: WholeNumbers,
    InputType.FLOAT: Numbers,
    InputType.BOOLEAN: InputBase,
    InputType.BOOL: InputBase,
    InputType.DATETIME: Moments,
    InputType.DATE: Moments,
    InputType.TIME: Moments,
    InputType.DURATION: Lengths,
    InputType.ENUM: Choice,
    InputType.SELECT: Select,
    InputType.MULTISELECT: MultiSelect,
    InputType.ARRAY: Items,
    InputType.JSON: InputBase,
    InputType.YAML: InputBase,
    InputType.URI: InputBase,
    InputType.FILE: Upload,
    InputType.FORM: Form,
    InputType.REUSABLE_INPUTS: Reused,
}
