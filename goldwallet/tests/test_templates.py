"""Rules that every template keeps, read from the files themselves: what a strict CSP refuses is not there."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template, render_to_string

TEMPLATES = Path(settings.BASE_DIR) / "templates"
PAGES = sorted(path for path in TEMPLATES.rglob("*.html"))


def name(path: Path) -> str:
    return path.relative_to(TEMPLATES).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_it_compiles(path):
    get_template(name(path))


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_nothing_inline(path):
    text = path.read_text()
    assert not re.search(r"\sstyle\s*=", text), "a style attribute breaks the CSP"
    assert not re.search(r"<style\b", text)
    assert not re.search(r"\son[a-z]+\s*=", text), "an inline handler breaks the CSP"
    assert not re.search(r"\b(hx-on|hx-vals=.js:|javascript:)", text), "htmx runs without eval"
    for tag in re.findall(r"<script\b[^>]*>", text):
        assert "nonce=" in tag
        assert "src=" in tag


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_nothing_from_elsewhere(path):
    addresses = re.findall(r"(?:src|href)=\"(https?:)?//", path.read_text())
    assert addresses == [], "no CDN: the page is whole without the internet"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_forms_that_post_carry_the_token(path):
    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", path.read_text(), flags=re.DOTALL):
        assert "{% csrf_token %}" in form or "{{ slot" in form


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_forms_with_a_file_send_it(path):
    """Without this attribute the browser sends the file's name and keeps the file, and nobody notices."""
    for form in re.findall(r"<form\b.*?</form>", path.read_text(), flags=re.DOTALL):
        if "components/request_fields.html" in form or 'type="file"' in form:
            assert 'enctype="multipart/form-data"' in form[: form.index(">")]


def test_the_page_for_our_own_faults_needs_nothing():
    page = render_to_string("500.html")
    assert "do not pay again" in page
    assert "{" not in page.replace("{#", "")
