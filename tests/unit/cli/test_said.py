"""What commands say in words reaches the screen whole: square brackets are the screen's own, for colours only."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from rich.errors import StyleSyntaxError
from rich.style import Style

from gateway import cli


def _swallowed(source: str) -> list[str]:
    """Words in square brackets of a line for people that the screen would take for a colour, and so not show."""
    told: list[str] = []
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "say":
            texts = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]
            for text in (text for text in texts if isinstance(text, str)):
                told.extend(word for word in re.findall(r"(?<!\\)\[/?([a-z][^\]]*)\]", text) if not _style(word))
    return told


def _style(word: str) -> bool:
    try:
        Style.parse(word)
    except StyleSyntaxError:
        return False
    return True


def test_no_command_says_what_the_screen_would_swallow() -> None:
    """`[evidence]` in a sentence would vanish; the same sentence with a style stays."""
    assert _swallowed('say("chưa đặt [evidence] key")') == ["evidence"]
    assert _swallowed('say("[bold red]✗[/] chưa đặt evidence.key")') == []
    sources = sorted(Path(cli.__file__).parent.rglob("*.py"))
    assert len(sources) > 30
    assert {path.name: told for path in sources if (told := _swallowed(path.read_text(encoding="utf-8")))} == {}
