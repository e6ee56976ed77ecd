"""What each answer of the gate means and what staff should do, one file a language. Only texts; the order is `guide`'s.

Key: the reason, or `reason.detail` where the detail changes what to do. Value: (when, what to do).
"""

from __future__ import annotations

from collections.abc import Mapping

from gate.decision.staff import en, id, zh_hant

Texts = Mapping[str, tuple[str, str]]
LANGUAGES: Mapping[str, Texts] = {"en": en.TEXTS, "id": id.TEXTS, "zh-Hant": zh_hant.TEXTS}
