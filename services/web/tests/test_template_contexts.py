"""Escaping by context: hostile values in every place of a page, read back as a browser reads it."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.markup import Markup
from services.web.template_contexts import Context, Kind
from services.web.template_escapes import BLOCKED
from services.web.templates import Rendering, TemplateError, Templates, compile_template

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "</script><script>alert(1)</script>",
    "</title></textarea></style><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "javascript:alert(1)",
    " JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "&#106;avascript:alert(1)",
    '\\"; alert(1); //',
    "\\'; alert(1); //",
    "';alert(1)//",
    "\u2028alert(1)",
    "${alert(1)}",
    "`;alert(1)//",
    "*/alert(1)/*",
    "red; background: url(javascript:alert(1))",
    "expression(alert(1))",
    "}</style><script>alert(1)</script>",
    "a&b=c#d?e/f:g@h",
    "x y\tz",
]
PLACES = [
    "<p>{{ v }}</p>",
    "<title>{{ v }}</title>",
    "<textarea>{{ v }}</textarea>",
    "<!-- {{ v }} -->",
    '<p title="{{ v }}">x</p>',
    "<p title='{{ v }}'>x</p>",
    '<a href="{{ v }}">x</a>',
    "<a href='/path/{{ v }}/more'>x</a>",
    '<a href="/find?q={{ v }}&n=1">x</a>',
    '<a href="/find#{{ v }}">x</a>',
    '<form action="{{ v }}"></form>',
    '<img src="{{ v }}">',
    "<input {{ v }}>",
    "<style>p { color: {{ v }} }</style>",
    '<p style="color: {{ v }}">x</p>',
    "<script>let x = {{ v }};</script>",
    "<script>let x = \"{{ v }}\", y = '{{ v }}';</script>",
    '<script type="application/json">{{ v }}</script>',
    '<button onclick="go({{ v }})">x</button>',
    "<button onclick=\"go('{{ v }}')\">x</button>",
]


def render(source, **variables):
    template = compile_template("t", source)
    rendering = Rendering(None, variables)
    template.write(rendering)
    return "".join(rendering.output)


class Page(HTMLParser):
    """The tags of a page with their attributes, and the text inside of each element."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.comments = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(name for name, _ in attributes), dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.comments.append(data)

    @property
    def shape(self):
        return [(tag, names) for tag, names, _ in self.tags]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_changes_the_shape_of_a_page(place, value):
    harmless = "x" if "<input" not in place else BLOCKED
    page, plain = Page(render(place, v=value)), Page(render(place, v=harmless))
    assert page.shape == plain.shape
    assert len(page.comments) == len(plain.comments)


@given(st.text(max_size=40))
def test_no_text_changes_the_shape_of_a_page(value):
    for place in PLACES:
        if "<input" not in place and value:
            assert Page(render(place, v=value)).shape == Page(render(place, v="x")).shape


@pytest.mark.parametrize("value", HOSTILE)
def test_urls_keep_a_scheme_that_runs_nothing(value):
    for place in ('<a href="{{ v }}">', '<a href=" {{ v }}">', "<img src='{{ v }}'>"):
        [(_, _, attributes)] = Page(render(place, v=value)).tags
        url = re.sub(r"[\x00-\x20]", "", next(iter(attributes.values()))).lower()
        assert not re.match(r"(?:javascript|data|vbscript|[^a-z/]*script):", url)


@pytest.mark.parametrize("value", HOSTILE)
def test_what_a_query_holds_comes_back(value):
    page = Page(render('<a href="/find?q={{ v }}&amp;n=1">', v=value))
    query = urlsplit(page.tags[0][2]["href"]).query
    assert parse_qsl(query, keep_blank_values=True) == [("q", value), ("n", "1")]
    encoded = Page(render('<a href="/find?q={{ v|urlencode }}">', v=value))
    assert parse_qsl(urlsplit(encoded.tags[0][2]["href"]).query)[0] == ("q", value)


@pytest.mark.parametrize("value", [*HOSTILE, 7, None, [1, {"a": "</script>"}], True, 1.5])
def test_what_a_script_gets_is_the_value(value):
    page = Page(render("<script>{{ v }}</script>", v=value))
    assert json.loads("".join(page.texts)) == value
    data = Page(render('<script type="application/json">{{ v|json }}</script>', v=value))
    assert json.loads("".join(data.texts)) == value
    [(_, _, attributes)] = Page(render('<p data-v="{{ v|json }}">', v=value)).tags
    assert json.loads(attributes["data-v"]) == value
    [(_, _, attributes)] = Page(render('<p onclick="{{ v }}">', v=value)).tags
    assert json.loads(attributes["onclick"]) == value


@pytest.mark.parametrize("value", HOSTILE)
def test_what_a_string_of_a_script_gets_is_the_text(value):
    for quote in "\"'":
        page = Page(render(f"<script>let x = {quote}{{{{ v }}}}{quote}</script>", v=value))
        content = "".join(page.texts).removeprefix(f"let x = {quote}").removesuffix(quote)
        assert quote not in content
        assert json.loads(f'"{content}"') == value


@pytest.mark.parametrize("value", HOSTILE)
def test_markup_is_safe_nowhere_but_in_text(value):
    marked = Markup(f"<b>{value}</b>")
    assert render("<p>{{ v }}</p>", v=marked) == f"<p>{marked}</p>"
    for place in PLACES[4:]:
        if "<input" not in place:
            assert Page(render(place, v=marked)).shape == Page(render(place, v="x")).shape


@pytest.mark.parametrize("value", ["red", "#fff", "12px", "50%", "a-b_c 1.5em"])
def test_plain_css_passes(value):
    assert render("<p style='color: {{ v }}'>", v=value) == f"<p style='color: {value}'>"


def test_attributes_without_a_value():
    source = '<input {{ "checked" if v else "" }} type="{{ t }}">'
    assert render(source, v=True, t="a") == '<input checked type="a">'
    assert render(source, v=False, t="a") == '<input  type="a">'
    assert BLOCKED in render("<input {{ v }}>", v="onclick")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<p title={{ v }}>", "put quotes around it"),
        ("<p title=a{{ v }}>", "put quotes around it"),
        ("<p title= {{ v }}>", "put quotes around it"),
        ("<{{ v }}>", "what follows a `<`"),
        ("<p{{ v }}>", "the name of a tag"),
        ("<script>let x = `{{ v }}`</script>", "use a string"),
        ("<script>// {{ v }}\n</script>", "a comment of JavaScript"),
        ("<script>/* {{ v }} */</script>", "a comment of JavaScript"),
        ("<script>x = /{{ v }}/</script>", "a regular expression"),
        ("<p title={% if v %}{{ v }}{% endif %}>", "put quotes around it"),
        ('<iframe srcdoc="{{ v }}">', "without quotes"),
        ('<a href{% if v %}="{{ v }}"{% endif %}>', "without quotes"),
        ('<p {% if v %}title="a{% endif %}>', "ends in"),
        ("{% if v %}<script>{% else %}<p>{% endif %}", "ends in"),
        ("{% for x in v %}<!-- {% endfor %}", "ends in"),
        ("{% block a %}<script>{% endblock %}", "ends in"),
        ("<script>{% block a %}{% endblock %}</script>", "cannot stand in JavaScript"),
        ('<a href="{% include "x" %}">', "cannot stand in the beginning of a URL"),
    ],
)
def test_places_where_no_value_could_be_safe(source, words):
    with pytest.raises(TemplateError, match=words):
        render(source, v="x")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<p>a < b", Kind.TEXT),
        ("<script>'a' + \"b", Kind.JS_STRING),
        ("<script>'\\'", Kind.JS_STRING),
        ("<script>'a' // it's\n", Kind.JS),
        ("<script>/* it's */ ", Kind.JS),
        ("<script>a / b / ", Kind.JS),
        ("<script>f(/[\"'/]/g, ", Kind.JS),
        ("<script>return /'/", Kind.JS),
        ("<script>`a ${b}", Kind.JS_TEMPLATE),
        ("<script>x = 'a' / 2 / '", Kind.JS_STRING),
        ("<script>x = a /* it's */ / 2 / '", Kind.JS_STRING),
        ("<script>x</script", Kind.TAG_NAME),
        ("<SCRIPT>'</ScRiPt >", Kind.TEXT),
        ("<script type='application/ld+json'>\"", Kind.JSON),
        ("<script type=module>", Kind.JS),
        ("<style>p::before { content: '", Kind.CSS),
        ('<textarea><p title="', Kind.TEXT),
        ("<p title='a\">", Kind.ATTRIBUTE),
        ("<a/href='x'/title='", Kind.ATTRIBUTE),
        ('<a HREF = "', Kind.URL_START),
        ("<a href='/x", Kind.URL_PATH),
        ("<a href='/x?y", Kind.URL_QUERY),
        ("<br/>", Kind.TEXT),
        ("<!-- <script>", Kind.COMMENT),
        ("<!-- <script> -->", Kind.TEXT),
        ("<p\n  title\n=\n'", Kind.ATTRIBUTE),
    ],
)
def test_contexts(text, kind):
    assert Context().after(text).kind is kind
    # Where the text is cut makes no difference, except inside of a word and before an `=`.
    for at in range(len(text)):
        if not re.match(r"\S\S", text[at - 1 : at + 1]) and text[at:].lstrip()[:1] != "=":
            assert Context().after(text[:at]).after(text[at:]).kind is kind, at


def test_branches_that_lead_to_the_same_place(tmp_path):
    source = (
        '<a class="{% if v %}x{% else %}y{% endif %}" {% if v %}id="{{ v }}"{% endif %} '
        'href="{% if v %}/a?{% else %}/b{% endif %}{{ v }}">{% for x in [1] %}<b>{{ x }}</b>'
        "{% else %}none{% endfor %}</a>"
    )
    page = Page(render(source, v="javascript:x&y"))
    assert page.tags[0][2]["href"] == "/a?javascript%3Ax%26y"
    (tmp_path / "child.html").write_text(
        '{% extends "base.html" %}{% block title %}{{ v }}{% endblock %}'
    )
    (tmp_path / "base.html").write_text("<title>{% block title %}{% endblock %}</title>")
    text = Templates(tmp_path).render("child.html", v="</title>")
    assert text == "<title>&lt;/title&gt;</title>"


@pytest.mark.parametrize("source", ["<{{ v }}>", "<p><{{ v }}", "a <{% if v %}{{ v }}{% endif %}"])
def test_no_value_is_the_name_of_a_tag(source):
    with pytest.raises(TemplateError, match="line 1: a value cannot stand in what follows"):
        render(source, v="img src=x onerror=alert(1)")


def test_a_less_than_that_begins_no_tag():
    assert render("1 < {{ v }} <", v=2) == "1 < 2 <"


@pytest.mark.parametrize(
    "values", [("", "javascript:x"), ("java", "script:x"), ("javascript", ":x")]
)
def test_two_values_make_no_scheme_together(values):
    page = render('<a href="{{ a }}{{ b }}">', a=values[0], b=values[1])
    assert page == f'<a href="{values[0]}#{BLOCKED}">'
    assert render('<a href="{{ a }}{{ b }}">', a="/tasks/", b="7?x=1") == '<a href="/tasks/7?x=1">'
