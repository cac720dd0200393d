# SPDX-License-Identifier: Apache-2.0
import numpy as np

from vackit.compat import vaststreamx as vsx


def test_the_emulated_card_answers_as_a_card_does() -> None:
    assert vsx.get_all_cards_count() == len(vsx.get_all_cards()) == 1
    card = vsx.get_all_cards()[0]
    assert (card.uuid, card.card_type) == ("EMULATED0000", "EMULATOR")
    die = vsx.Die(card.dies[0].device_id)
    assert die.temperature["temperature"][0] * 0.01 == 0
    assert die.power["power"][3] * 1e-6 == 0
    memory = die.memory
    assert memory["total"] == memory["free"] + memory["used"]
    assert 0 < memory["usage_rate"] < 100
    load = die.utilization
    assert load["ai"] == 0
    assert [np.mean(load[unit]) for unit in ("vdsp", "vdmcu", "vemcu")] == [0, 0, 0]
