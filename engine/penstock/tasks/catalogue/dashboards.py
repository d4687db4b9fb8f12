"""Charts of dashboards, and the data that they show. No flow holds them; they are known, and can be looked up."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.common_models import TaskId
from penstock.tasks.markers import Text, Typed, told


class Legend(Properties):
    """Whether the chart has a legend."""

    enabled: bool = Field(True, description="Whether it has")


class Tooltip(StrEnum):
    NONE = "NONE"
    ALL = "ALL"
    SINGLE = "SINGLE"


class ChartOptions(Properties):
    """How a chart is shown."""

    display_name: str = Field(min_length=1, description="The heading")
    description: str | None = Field(None, description="What it shows")
    width: int | None = Field(None, ge=1, le=12, description="How many of twelve columns it takes")


class ColoredOptions(ChartOptions):
    """How a chart with a legend is shown."""

    tooltip: Tooltip = Field(Tooltip.ALL, description="What is told of the point that the pointer is at")
    legend: Legend | None = Field(None, description="The legend")


class BarOptions(ColoredOptions):
    """How bars are shown."""

    column: str | None = Field(None, description="The column along the axis")


class PieOptions(ColoredOptions):
    """How a pie is shown."""

    graph_style: Literal["PIE", "DONUT"] = Field("PIE", description="With a hole in its middle or without")
    color_by_column: str | None = Field(None, description="The column that the colours stand for")


class TimeSeriesOptions(ColoredOptions):
    """How a course is shown."""

    column: str = Field(min_length=1, description="The column along the axis")
    color_by_column: str | None = Field(None, description="The column that the colours stand for")


class Shown(Properties):
    """Whether a part is shown."""

    enabled: bool = Field(True, description="Whether it is")


class TableOptions(ChartOptions):
    """How a table is shown."""

    header: Shown | None = Field(None, description="The names of the columns")
    pagination: Shown | None = Field(None, description="One page after another")


class KpiOptions(ChartOptions):
    """How a single figure is shown."""

    number_type: Literal["FLAT", "PERCENTAGE"] = Field("FLAT", description="The number itself, or its share")
    color: Literal["DEFAULT", "SUCCESS", "DANGER", "FAILURE", "WARNING", "INFO"] = Field(
        "DEFAULT", description="The colour of the figure", json_schema_extra=told(since="2.0")
    )


class Chart(Properties):
    """What every chart has."""

    id: TaskId = Field(description="Name of the chart, unique within the dashboard")


class Bar(Chart):
    """Bars, one for each group."""

    chart_options: BarOptions | None = Field(None, description="How it is shown")
    data: Typed = Field(description="What it shows")


class Pie(Chart):
    """A pie, a piece for each group."""

    chart_options: PieOptions | None = Field(None, description="How it is shown")
    data: Typed = Field(description="What it shows")


class TimeSeries(Chart):
    """The course of figures over time."""

    chart_options: TimeSeriesOptions | None = Field(None, description="How it is shown")
    data: Typed = Field(description="What it shows")


class Table(Chart):
    """Rows and columns."""

    chart_options: TableOptions | None = Field(None, description="How it is shown")
    data: Typed = Field(description="What it shows")


class Kpi(Chart):
    """A single figure."""

    chart_options: KpiOptions | None = Field(None, description="How it is shown")
    data: Typed = Field(description="What it shows")


class MarkdownSource(Properties):
    """Where a text comes from."""

    type: Literal["FlowDescription", "Text"] = Field(description="The description of a flow, or what is written here")
    content: str | None = Field(None, description="The text, for Text")
    namespace: Text | None = Field(None, description="Namespace of the flow, for FlowDescription")
    flow_id: Text | None = Field(None, description="Name of the flow, for FlowDescription")


class Markdown(Chart):
    """A text."""

    chart_options: ChartOptions | None = Field(None, description="How it is shown")
    content: str | None = Field(
        None, description="Older spelling of `source` with `type: Text`", json_schema_extra=told(old=True)
    )
    source: MarkdownSource | None = Field(None, description="Where the text comes from")


# ── data ──


class Aggregation(StrEnum):
    AVG = "AVG"
    MAX = "MAX"
    MIN = "MIN"
    SUM = "SUM"
    COUNT = "COUNT"


class GraphStyle(StrEnum):
    LINES = "LINES"
    BARS = "BARS"
    POINTS = "POINTS"


class Column(Properties):
    """One column."""

    field: Text | None = Field(None, description="The field, such as STATE")
    display_name: str | None = Field(None, description="What people see it called")
    agg: Aggregation | None = Field(None, description="How many values become one")
    label_key: Text | None = Field(None, description="Which label, for the field LABELS")
    graph_style: GraphStyle | None = Field(None, description="How a course is drawn")
    column_alignment: Literal["LEFT", "RIGHT", "CENTER"] | None = Field(None, description="Where a table puts it")


class FilterType(StrEnum):
    CONTAINS = "CONTAINS"
    NOT_CONTAINS = "NOT_CONTAINS"
    ENDS_WITH = "ENDS_WITH"
    EQUAL_TO = "EQUAL_TO"
    GREATER_THAN = "GREATER_THAN"
    GREATER_THAN_OR_EQUAL_TO = "GREATER_THAN_OR_EQUAL_TO"
    IN = "IN"
    IS_FALSE = "IS_FALSE"
    IS_NOT_NULL = "IS_NOT_NULL"
    IS_NULL = "IS_NULL"
    IS_TRUE = "IS_TRUE"
    LESS_THAN = "LESS_THAN"
    LESS_THAN_OR_EQUAL_TO = "LESS_THAN_OR_EQUAL_TO"
    NOT_EQUAL_TO = "NOT_EQUAL_TO"
    NOT_IN = "NOT_IN"
    OR = "OR"
    PREFIX = "PREFIX"
    REGEX = "REGEX"
    STARTS_WITH = "STARTS_WITH"


class DataFilter(Properties):
    """One comparison."""

    type: FilterType = Field(description="How")
    field: Text | None = Field(None, description="The field that is compared")
    label_key: Text | None = Field(None, description="Which label, for the field LABELS")
    value: Any = Field(None, description="With what")
    values: list[Any] | None = Field(None, description="With which, for IN, NOT_IN and OR")


class OrderBy(Properties):
    """By what rows are sorted."""

    column: Text = Field(description="The column")
    order: Literal["ASC", "DESC"] = Field("ASC", description="The least first, or the greatest")


class Data(Properties):
    """Rows of what the server keeps."""

    columns: dict[str, Column] | None = Field(None, description="The columns by name")
    where: list[DataFilter] | None = Field(None, description="Which rows")
    order_by: list[OrderBy] | None = Field(None, description="How they are sorted")


class DataKpi(Properties):
    """A single figure of what the server keeps, or a share of it."""

    columns: Column | None = Field(None, description="The figure")
    numerator: list[DataFilter] | None = Field(None, description="Which rows are counted for a share")
    where: list[DataFilter] | None = Field(None, description="Which rows there are")
