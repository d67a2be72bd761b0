"""What the practice tells an operator to type exists, and its scripts work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command

from django_checkout import services
from django_checkout.models import CheckoutSession, WebhookEvent
from django_checkout.states import SessionStatus
from django_checkout.testing import post_event
from django_checkout.webhooks import registry
from tests.migration_rows import outdated

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/runbook/practice.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
_WORDS = re.compile(r"^(\w+)\(\) \{", re.MULTILINE)
#: What a shell has.
_SHELL = {"cat", "cd", "cp", "curl", "do", "done", "echo", "for", "git", "rm", "sed"}


def scripts() -> list[str]:
    """Return what is piped into ``manage shell``."""
    return re.findall(r"^manage shell -v 0 <<'END'\n(.*?)^END$", TEXT, re.DOTALL | re.MULTILINE)


def shown(command: str) -> str:
    """Return what the page says that a command prints."""
    (text,) = re.findall(rf"^{command}(?: 2> .*)?\n```\n\n```\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    return text


@pytest.mark.core
def test_words_are_given_before_they_are_used():
    words = set(_WORDS.findall(TEXT))
    text = re.sub(r"<<'?END'?$.*?^END$", "", "".join(BLOCKS), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r' -c ".*?"$', "", text, flags=re.MULTILINE)
    bodies = re.sub(r"^\w+\(\) \{.*?(?: \}|^\})$", "", text, flags=re.DOTALL | re.MULTILINE)
    used = set(re.findall(r"(?:^|; |\$\()(?:[A-Z]+=[\w:/.]+ )*([a-z]\w*) ?", bodies, re.MULTILINE))

    assert {"manage", "second", "stripe", "copy", "setting"} <= words
    assert used - words - _SHELL == set()


@pytest.mark.core
def test_settings_that_are_changed_are_in_the_file():
    file = re.search(r"^cat > \.env <<'END'\n(.*?)^END$", TEXT, re.DOTALL | re.MULTILINE)
    assert file

    assert set(re.findall(r"\bsetting ([A-Z_]+) ", TEXT)) <= set(re.findall(r"^(\w+)=", file[1], re.MULTILINE))


@pytest.mark.core
def test_migration_that_is_taken_back_is_the_last_one_that_adds_a_column():
    assert re.findall(r"migrate django_checkout (\d+)", TEXT) == [outdated()[:4]]


@pytest.mark.core
def test_shell_prints_nothing_of_its_own():
    """Newer versions of Django list what they import."""
    assert set(re.findall(r"\bshell (?:-\S+ \d|\S*)", "".join(BLOCKS))) == {"shell -v 0"}


@pytest.mark.django_db(transaction=True)
def test_run_without_a_worker_prints_what_the_page_says(queue, order, pay, recorder, capsys):
    assert pay(order).status == "unpaid"

    call_command("checkout_process_events")

    assert capsys.readouterr().out == shown("manage checkout_process_events")


@pytest.mark.django_db(transaction=True)
def test_scripts_make_a_backlog_that_one_run_works_off(order, stripe_emulator, recorder, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()
    fail_events, start_sessions = scripts()

    (handler,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    stripe_emulator.pay(services.start(order).stripe_id)
    with monkeypatch.context() as broken:
        for kind, known in registry.HANDLERS.items():
            broken.setitem(registry.HANDLERS, kind, [*known])
        exec(handler, {})  # noqa: S102
        for event in stripe_emulator.events():
            post_event(event)
    assert WebhookEvent.objects.filter(state="failed").count() == 3
    call_command("shell", verbosity=0, command=fail_events.replace("10_000", "10"))
    call_command("shell", verbosity=0, command=start_sessions.replace("1_000", "3"))
    assert capsys.readouterr().out == ""
    for session_id in (tmp_path / "var/sessions.txt").read_text().split():
        stripe_emulator.pay(session_id)

    call_command("checkout_process_events", "--now")

    printed = shown("manage checkout_process_events --now").replace("10000", "10").replace("1000", "3")
    assert capsys.readouterr().out == printed
    assert not WebhookEvent.objects.filter(state="failed").exists()
    assert set(CheckoutSession.objects.values_list("status", flat=True)) == {SessionStatus.COMPLETE}
