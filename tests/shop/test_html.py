from __future__ import annotations

from example_project.shop.html import parse

PAGE = """<!doctype html><title>A page</title>
<form action="/go/" method="post"><input type=hidden name=token value="a&amp;b"><input name=city value=Rye>
<input type=checkbox name=news><input type=checkbox name=terms checked><input type=radio name=size value=s>
<input type=radio name=size value=m checked><input name=gone disabled value=1><textarea name=note>Hi</textarea>
<select name=many><option value=1>One</option><option selected>2</option></select>
<select name=first><option value=x>X</option></select><select name=none></select><button name=act value=buy>Buy</button>
</form><ul id=list><li>One <b>bold</b><li>Two<script>no()</script></ul><br/>"""


def test_a_form_gives_the_fields_a_browser_would_send():
    form = parse(PAGE).find("form", action="/go/")

    assert form is not None
    assert form.fields == {
        "token": "a&b",
        "city": "Rye",
        "terms": "on",
        "size": "m",
        "note": "Hi",
        "many": "2",
        "first": "x",
    }


def test_text_is_the_visible_text():
    assert parse("<ul><li>One <b>bold</b>\n thing</li><li>Two<script>no()</script></li></ul>").text == (
        "One bold thing Two"
    )


def test_find_returns_none_without_a_match():
    page = parse(PAGE)

    assert page.find("table") is None
    assert page.find("*", id="list") is not None
