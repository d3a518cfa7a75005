"""Templates: the language, escaping, inheritance, errors with file and line."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.markup import Markup, escape
from services.web.template_filters import FILTERS
from services.web.templates import TemplateError, Templates, compile_template


@pytest.fixture
def render(tmp_path):
    """Render a text, or a set of files whose first one is the page."""

    def render(source, /, files=None, **variables):
        (tmp_path / "page.html").write_text(source)
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        return Templates(tmp_path, globals={"site": "Glassbox"}).render("page.html", **variables)

    return render


class Task:
    name = "echo"
    _secret = "no"

    def greet(self, who, mark="!"):
        return f"hello {who}{mark}"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 // 2 ~ '/' ~ 7 % 4", "3/3"),
        ("-n + 10 - 1", "6"),
        ("1.5 / 2", "0.75"),
        ("n == 3 and not n > 5", "True"),
        ("n != 3 or none", "None"),
        ("0 or 'x'", "x"),
        ("not not n", "True"),
        ("'a' in words and 'z' not in words", "True"),
        ("n <= 3 and n >= 3 and n < 4", "True"),
        ("'yes' if n > 2 else 'no'", "yes"),
        ("'a' if false else 'b' if false else 'c'", "c"),
        ("words[0] ~ words[-1]", "ac"),
        ("table.key ~ table['other key']", "12"),
        ("task.name", "echo"),
        ("task.greet('you', mark='?')", "hello you?"),
        ("[1, 2, [3]]", "[1, 2, [3]]"),
        ("'it\\'s \\n'", "it&#39;s \n"),
        ("\"a\" ~ 'b'", "ab"),
        ("words|join('-')|upper", "A-B-C"),
        ("words | length + 1", "4"),
        ("missing|default('d')", "d"),
        ("task.missing|default('d')", "d"),
        ("none|default('d')", "d"),
        ("0|default('d')", "0"),
        ("site", "Glassbox"),
        ("true ~ none", "TrueNone"),
        ("table.items()|length", "2"),
    ],
)
def test_expressions(render, expression, value):
    variables = {
        "n": 3,
        "words": ["a", "b", "c"],
        "table": {"key": 1, "other key": 2},
        "task": Task(),
    }
    assert render("{{ " + expression + " }}", **variables) == value


INJECTIONS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><script>",
    "&lt;already&gt;",
    "{{ 1 + 1 }}",
    "{% include 'x' %}",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_values_never_become_markup(render, text):
    page = render("<p title=\"{{ x }}\" class='{{ x }}'>{{ x }}</p>", x=text)
    assert page.count("<") == 2
    assert page.count('"') == 2
    assert page.count("'") == 2
    assert page.count("{{") == 3 * text.count("{{")


@given(st.text())
def test_escaping_leaves_nothing_special(text):
    assert not set(escape(text)) & set("<>\"'")
    assert Markup("<b>") + text == "<b>" + escape(text)
    assert text + Markup("<b>") == escape(text) + "<b>"
    assert escape(Markup(text)) == text


def test_what_says_it_is_safe_stays(render):
    assert (
        render("{{ x|safe }}{{ y }}{{ x|escape }}", x="<b>", y=Markup("<i>")) == "<b><i>&lt;b&gt;"
    )


def test_json_can_stand_in_a_data_block(render):
    page = render("<script type='application/json'>{{ x|json }}</script>", x=["</script>&<!--"])
    assert page.count("</script>") == 1
    assert "\\u003c/script\\u003e\\u0026\\u003c!--" in page


def test_if_and_for(render):
    source = """\
<ul>
  {% for name, n in pairs %}
  {{ loop.index }}/{{ loop.length }} {{ name }}{% if n > 1 %}s{% elif n %}.{% else %}?{% endif %}
  {% else %}
  none
  {% endfor %}
</ul>
"""
    page = render(source, pairs=[("a", 2), ("b", 1), ("c", 0)])
    assert page == ("<ul>\n  1/3 as\n  2/3 b.\n  3/3 c?\n</ul>\n")
    assert render(source, pairs=[]) == "<ul>\n  none\n</ul>\n"


def test_a_loop_is_a_scope(render):
    inner = "{% for x in x %}{{ x }}{{ loop.first }}{% endfor %}{{ x|length }}"
    source = "{% for x in xs %}" + inner + "{% endfor %}{{ x }}"
    assert render(source, x="outer", xs=[[1, 2]]) == "1True2False2outer"


def test_tags_and_comments_alone_on_a_line_leave_no_line(render):
    source = (
        "a\n  {# two\nlines #}\n  {% if true %}\nb\n\t{% endif %}\r\nc {% if true %} d{% endif %}\n"
    )
    assert render(source) == "a\nb\nc  d\n"


LAYOUT = (
    "<title>{% block title %}Glassbox{% endblock %}</title>{% block main %}(empty){% endblock %}"
)


def test_inheritance(render):
    middle = '{% extends "layout.html" %}{% block title %}{{ super() }} · kvdb{% endblock %}'
    page = """{% extends "middle.html" %}
this text belongs to no block and is not shown
{% block title %}{{ super() }} · {{ key }}{% endblock %}
{% block main %}{% for k in keys %}[{{ k }}]{% endfor %}{{ super() }}{% endblock %}"""
    files = {"layout.html": LAYOUT, "middle.html": middle}
    assert render(page, files, key="<k>", keys=[1, 2]) == (
        "<title>Glassbox · kvdb · &lt;k&gt;</title>[1][2](empty)"
    )


def test_blocks_keep_their_default_and_can_nest(render):
    layout = "{% block outer %}[{% block inner %}in{% endblock %}]{% endblock %}"
    page = '{% extends "layout.html" %}{% block inner %}changed{% endblock %}'
    assert render(page, {"layout.html": layout}) == "[changed]"
    assert render(layout) == "[in]"


def test_includes_see_the_variables(render):
    page = "{% for row in rows %}{% include 'row.html' %}{% endfor %}"
    assert render(page, {"row.html": "[{{ row }}{{ loop.index }}]"}, rows="ab") == "[a1][b2]"
    files = {"one.html": "1"}
    assert render("{% include name ~ '.html' %}", files, name="one") == "1"


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("\n\n{{ 1 + }}", 3, "a value is missing"),
        ("{{ a b }}", 1, "unexpected 'b'"),
        ("{{ a ? b }}", 1, "unreadable"),
        ("{{ 'open }}", 1, "unreadable"),
        ("{{ a < b < c }}", 1, "chained"),
        ("{{ f(1 2) }}", 1, "',' is missing"),
        ("{{ x|nope }}", 1, "no filter"),
        ("{{ x|default }}", 1, "default takes"),
        ("{{ 'a' if b }}", 1, "'else' is missing"),
        ("{{ }}", 1, "a value is missing"),
        ("x\n{{ a", 2, "never closed"),
        ("x\n{# a", 2, "never closed"),
        ("x\n{% if a", 2, "never closed"),
        ("\n{% if a %}\n", 2, "{% if a %} is never closed"),
        ("{% for x in y %}{% else %}", 1, "never closed"),
        ("{% block b %}", 1, "never closed"),
        ("{% endif %}", 1, "nothing to close"),
        ("{% if a %}{% endfor %}", 1, "nothing to close"),
        ("{% if a %}{% else %}{% elif b %}{% endif %}", 1, "nothing to close"),
        ("{% frobnicate %}", 1, "unknown"),
        ("{% for in x %}{% endfor %}", 1, "a name is missing"),
        ("{% for x of y %}{% endfor %}", 1, "'in' is missing"),
        ("{% for true in y %}{% endfor %}", 1, "a name is missing"),
        ("{% block a b %}{% endblock %}", 1, "not a name of a block"),
        ("{% block a %}{% endblock %}\n{% block a %}{% endblock %}", 2, "comes twice"),
        ("{% extends name %}", 1, "extends"),
        ("{% extends 3 %}", 1, "extends"),
        ("{% extends 'a' %}{% extends 'b' %}", 1, "extends one other"),
        ("{{ " + "(" * 60 + "1" + ")" * 60 + " }}", 1, "nested deeper"),
        ("{{ " + "[" * 60 + " }}", 1, "nested deeper"),
    ],
)
def test_errors_of_compiling_name_the_line(source, line, reason):
    with pytest.raises(TemplateError, match=r"page\.html, line") as caught:
        compile_template("page.html", source)
    assert caught.value.line == line
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("\n{{ missing }}", 2, "'missing' is not defined"),
        ("{{ task.missing }}", 1, "Task has no 'missing'"),
        ("{{ words[9] }}", 1, "list has no item 9"),
        ("{{ 1 / 0 }}", 1, "division by zero"),
        ("\n\n{% for x in 5 %}{% endfor %}", 3, "not iterable"),
        ("{% for a, b in [[1]] %}{% endfor %}", 1, "shorter"),
        ("{% if missing %}{% endif %}", 1, "missing"),
        ("\n{% include 'none.html' %}", 2, "page.html, line 2: no template is named 'none.html'"),
        ("{% include '../secret.html' %}", 1, "no template"),
        ("{% extends 'none.html' %}", 1, "no template"),
        ("{% include 'page.html' %}", 1, "deeper than 20"),
        ("{% extends 'page.html' %}", 1, "extends itself"),
        ("{{ none() }}", 1, "not callable"),
    ],
)
def test_errors_of_rendering_name_file_and_line(render, source, line, reason):
    with pytest.raises(TemplateError) as caught:
        render(source, task=Task(), words=[])
    assert reason in str(caught.value)
    assert caught.value.line == line


def test_an_error_in_an_included_file_names_that_file(render):
    with pytest.raises(TemplateError, match=r"row\.html, line 2: 'x' is not defined"):
        render("{% include 'row.html' %}", {"row.html": "\n{{ x }}"})


@pytest.mark.parametrize(
    "expression",
    [
        "task._secret",
        "task.__class__",
        "''.__class__.__mro__",
        "task.greet.__globals__",
        "'{0.__class__}'.format(task)",
        "'{x.__class__}'.format_map(y)",
        "generator.gi_frame",
        "task.greet.func_globals|default(1) ~ task.greet.f_globals",
        "error.tb_frame",
        "kind.mro()",
    ],
)
def test_no_attribute_leads_out(expression):
    with pytest.raises(TemplateError, match="out of reach"):
        compile_template("page.html", "{{ " + expression + " }}")


def test_items_with_an_underscore_are_data_and_attributes_are_not_items(render):
    assert render("{{ x['_id'] }}", x={"_id": 7}) == "7"
    with pytest.raises(TemplateError, match="not subscriptable"):
        render("{{ x['_secret'] }}", x=Task())


def test_a_template_is_compiled_once_or_when_it_changed(tmp_path):
    path = tmp_path / "a.html"
    path.write_text("one")
    kept, reloading = Templates(tmp_path), Templates(tmp_path, auto_reload=True)
    assert kept.render("a.html") == reloading.render("a.html") == "one"
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert kept.render("a.html") == "one"
    assert reloading.render("a.html") == "two"
    assert reloading.load("a.html") is reloading.load("a.html")


def test_own_filters(tmp_path):
    (tmp_path / "a.html").write_text("{{ 3|double }}{{ 'x'|upper }}")
    templates = Templates(tmp_path, filters={"double": lambda n: n * 2})
    assert templates.render("a.html") == "6X"


@pytest.mark.parametrize(
    ("name", "value", "arguments", "result"),
    [
        ("size", 0, (), "0 bytes"),
        ("size", 1536, (), "1.5 KiB"),
        ("size", 5 * 1024**5, (), "5120.0 TiB"),
        ("duration", 0, (), "0 s"),
        ("duration", 93784, (), "1 d 2 h"),
        ("duration", 61, (), "1 min 1 s"),
        ("datetime", 0, (), "1970-01-01 00:00:00 UTC"),
        ("truncate", "abcdef", (4,), "abc…"),
        ("truncate", "abc", (3,), "abc"),
        ("urlencode", "a b/é", (), "a%20b%2F%C3%A9"),
        ("thousands", 1234567, (), "1,234,567"),
        ("first", [7, 8], (), 7),
        ("sort", [2, 1], (), [1, 2]),
        ("reverse", "ab", (), ["b", "a"]),
        ("items", {"a": 1}, (), [("a", 1)]),
        ("replace", "a-b", ("-", "+"), "a+b"),
        ("join", [1, 2], (), "1, 2"),
    ],
)
def test_filters(name, value, arguments, result):
    assert FILTERS[name](value, *arguments) == result


pieces = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "if",
        "for x in y",
        "endif",
        "endfor",
        "block b",
        "endblock",
        "else",
        " ",
        "\n",
        "x",
        "'",
        "(",
        ")",
        "|",
        ".",
        "1",
        "extends 'a'",
    ]
)


@given(st.lists(pieces, max_size=25).map("".join))
def test_no_template_crashes_the_compiler(source):
    try:
        compile_template("t", source)
    except TemplateError:
        pass


def test_what_grows_without_end_is_refused(render):
    nested = "{% if x %}" * 2000 + "{% endif %}" * 2000
    with pytest.raises(TemplateError, match="nested deeper"):
        render(nested, x=1)
    with pytest.raises(TemplateError, match="repeated"):
        render('{{ "a" * 10000000000 }}')
    assert render('{{ "ab" * 3 }} {{ 3 * 4.5 }}') == "ababab 13.5"
