"""What must hold in a flow beyond its schemas: one function, one code each. They read a survey and report to it."""

from __future__ import annotations

from collections.abc import Callable

from penstock.flow.rules import (
    calls,
    declared,
    expressions,
    flowables,
    identity,
    order,
    portability,
    promises,
    references,
    retries,
    schedules,
    supplied,
    workers,
)
from penstock.flow.survey import Survey

Rule = Callable[[Survey], None]

OF_EXPRESSIONS: tuple[Rule, ...] = (
    expressions.expressions_parse,
    expressions.expressions_are_rendered,
    expressions.deprecated_names,
    references.known_variables,
    references.known_names,
    references.dashes_have_brackets,
    order.outputs_are_there,
)
"""Those that read the templates of a flow."""

RULES: tuple[Rule, ...] = (
    identity.id_of_every_task,
    identity.unique_task_ids,
    identity.unique_trigger_ids,
    identity.unique_preconditions,
    identity.reserved_flow_id,
    identity.no_system_labels,
    identity.labels_of_2,
    identity.no_recursion,
    flowables.no_empty_task_list,
    flowables.switch_has_a_case,
    flowables.loops_have_values,
    flowables.working_directory_runs_only_tasks,
    flowables.dag_is_ordered,
    workers.working_directory_has_the_group,
    calls.parts_have_names_of_their_own,
    calls.items_are_a_file,
    calls.counts_say_of_what,
    calls.purges_say_of_what,
    declared.known_input_types,
    declared.unique_inputs_and_outputs,
    declared.inputs_do_not_nest_under_values,
    declared.input_options_fit,
    declared.patterns_compile,
    declared.defaults_fit_their_type,
    supplied.triggers_give_values_of_their_type,
    supplied.outputs_have_values_of_their_type,
    declared.dependencies_exist,
    retries.retries_are_consistent,
    retries.durations_can_be_read,
    promises.promises_are_whole,
    promises.checks_are_whole,
    promises.exits_come_in_time,
    schedules.cron_can_be_read,
    schedules.cron_comes,
    schedules.time_zone_exists,
    schedules.triggers_give_required_inputs,
    *OF_EXPRESSIONS,
    expressions.nothing_is_included,
    portability.deprecated_types,
    portability.deprecated_properties,
    portability.properties_without_effect,
    workers.workers_are_not_chosen,
    portability.plugin_defaults_are_whole,
)
