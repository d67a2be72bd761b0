"""``python -m tests.emulator.write_triggers``: print the table of triggers, and write ``docs/emulator/triggers.md``."""

from __future__ import annotations

from pathlib import Path

from .triggers import VERSION, Trigger, summary, triggers

PATH = Path(__file__).resolve().parents[2] / "docs" / "emulator" / "triggers.md"
INTRODUCTION = f"""\
# Triggers of Stripe's command line

Written by `python -m tests.emulator.write_triggers`; `tox -e cli` runs them all. See
[What the emulator implements](../emulator.md). The command line is {VERSION}.

{summary()}.

If arguments are listed, add them to `stripe trigger`: as it is, the trigger sends what the API versions of the emulator
do not have, and Stripe refuses it as well; `subscription_schedule.expiring` moves its clock to a time before the event.
The others stop with the error in the last column.

| trigger | | arguments, or the error |
|---|---|---|
"""


def text() -> str:
    """Return the page."""
    return INTRODUCTION + "".join(f"{row(trigger)}\n" for trigger in triggers())


def row(trigger: Trigger) -> str:
    """Return the row of a trigger."""
    if not trigger.works:
        return f"| `{trigger.name}` | does not work | {trigger.refusal} |"
    caused = "" if trigger.event == trigger.name else f", causes `{trigger.event}`"
    arguments = " ".join(f"`{argument}`" for argument in trigger.arguments)
    return f"| `{trigger.name}` | works{caused} | {arguments} |"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
    print(text())
