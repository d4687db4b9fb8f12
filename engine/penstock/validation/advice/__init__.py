"""What would be better in a flow that is fit to run: one function, one code each. Only `validate` asks.

Like the rules of `penstock.flow.rules` they read a survey and report to it. None of them knows what time it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.flow.survey import Survey
from penstock.validation.advice.anchors import anchors_are_used
from penstock.validation.advice.images import images_are_pinned
from penstock.validation.advice.injection import no_inputs_in_commands
from penstock.validation.advice.leaks import no_secrets_in_logs
from penstock.validation.advice.portability import no_enterprise_features, types_can_run, versions_agree
from penstock.validation.advice.privileges import containers_have_no_power
from penstock.validation.advice.secrets import no_secrets_in_clear
from penstock.validation.advice.style import flow_is_described, ids_in_one_manner, keys_in_order, scripts_are_short
from penstock.validation.advice.surprises import no_surprising_scalars
from penstock.validation.advice.transport import addresses_use_tls

Advice = Callable[[Survey], None]

ADVICE: tuple[Advice, ...] = (
    no_surprising_scalars,
    anchors_are_used,
    no_secrets_in_clear,
    images_are_pinned,
    containers_have_no_power,
    no_inputs_in_commands,
    addresses_use_tls,
    no_secrets_in_logs,
    no_enterprise_features,
    types_can_run,
    versions_agree,
)

ASKED: Mapping[str, Advice] = {
    "PEN801": keys_in_order,
    "PEN802": ids_in_one_manner,
    "PEN803": flow_is_described,
    "PEN804": scripts_are_short,
}
"""Those that are off until a repository turns them on, by code: they are not run for nothing."""
