# SPDX-License-Identifier: Apache-2.0
"""Files of single operators: the form of vdsp params, with an operator's attributes as keys."""

import logging
from difflib import get_close_matches

from vackit.compat.vaststreamx.attributes import (
    SINGLE_KEYS,
    Attributes,
    attribute_name,
    coded,
    single_attributes,
)
from vackit.compat.vaststreamx.enums import AttrKey, OpType
from vackit.config.document import Document
from vackit.errors import ConfigError, Finding, StreamError

_PREFIX = "SINGLE_OP_"

logger = logging.getLogger(__name__)


def is_single(document: Document) -> bool:
    """Tell whether a file is a single operator's."""
    return str(document.data.get("OpType", "")).startswith(_PREFIX)


def read_single(document: Document) -> tuple[OpType, Attributes]:
    """Return the operator and its attributes; a key that is none has no effect.

    Raises:
        ConfigError: There is no such operator, or an attribute cannot have such a value.
    """
    name = document.data["OpType"]
    if name not in OpType.__members__:
        known = [one.name for one in SINGLE_KEYS]
        close = get_close_matches(name, known, n=1, cutoff=0.8)
        hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(known)}"
        raise ConfigError([document.finding(f"no operator '{name}'", ("OpType",), hint=hint)])
    config = document.data.get("OpConfig") or {}
    if not isinstance(config, dict):
        message = f"expected a mapping, got {type(config).__name__}"
        raise ConfigError([document.finding(message, ("OpConfig",))])
    attributes, faults = single_attributes(OpType[name]), list[Finding]()
    for key, value in config.items():
        attribute = attribute_name(key)
        if attribute not in AttrKey.__members__:
            logger.warning("%s", document.finding("no effect: no attribute", ("OpConfig", key)))
            continue
        try:
            attributes[attribute] = coded(attribute, value)
        except StreamError as error:
            faults.append(document.finding(error.message, ("OpConfig", key)))
    if faults:
        raise ConfigError(faults)
    return OpType[name], attributes
