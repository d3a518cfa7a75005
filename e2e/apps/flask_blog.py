"""A blog as Flask's users write one: users, sessions, flashed messages, forms, a database."""

import sqlite3
import tempfile
from pathlib import Path

from flask import (
    Flask,
    Response,
    abort,
    flash,
    g,
    redirect,
    render_template_string,
    request,
    send_file,
    session,
    stream_with_context,
    url_for,
)
from werkzeug.security import check_password_hash, generate_password_hash

PAGE = """<!doctype html><title>Blog</title>
{% for message in get_flashed_messages() %}<p class="flash">{{ message }}</p>{% endfor %}
<p>{{ session.get("user", "nobody") }}</p>
{% for post in posts %}<article><h1>{{ post["title"] }}</h1>{{ post["body"] }}</article>{% endfor %}
"""
SCHEMA = """
CREATE TABLE IF NOT EXISTS user (name TEXT PRIMARY KEY, password TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS post (id INTEGER PRIMARY KEY, author TEXT, title TEXT, body TEXT);
"""
DATABASE = Path(tempfile.mkdtemp()) / "blog.sqlite"

app = Flask(__name__)
app.secret_key = "only a test"
app.config["MAX_CONTENT_LENGTH"] = 4 * 1024 * 1024


def database():
    if "database" not in g:
        g.database = sqlite3.connect(DATABASE, timeout=10)
        g.database.row_factory = sqlite3.Row
        g.database.executescript(SCHEMA)
    return g.database


@app.teardown_appcontext
def close_database(error):
    if "database" in g:
        g.pop("database").close()


@app.get("/")
def index():
    posts = database().execute("SELECT title, body FROM post ORDER BY id DESC").fetchall()
    return render_template_string(PAGE, posts=posts)


@app.post("/register")
def register():
    name, password = request.form["name"], request.form["password"]
    try:
        database().execute(
            "INSERT INTO user VALUES (?, ?)", (name, generate_password_hash(password))
        )
        database().commit()
    except sqlite3.IntegrityError:
        flash(f"{name} is taken")
    return redirect(url_for("index"))


@app.post("/login")
def login():
    row = (
        database()
        .execute("SELECT password FROM user WHERE name = ?", (request.form["name"],))
        .fetchone()
    )
    if row is None or not check_password_hash(row["password"], request.form["password"]):
        flash("wrong name or password")
    else:
        session.clear()
        session["user"] = request.form["name"]
    return redirect(url_for("index"))


@app.post("/create")
def create():
    if "user" not in session:
        abort(403)
    database().execute(
        "INSERT INTO post (author, title, body) VALUES (?, ?, ?)",
        (session["user"], request.form["title"], request.form["body"]),
    )
    database().commit()
    flash("saved")
    return redirect(url_for("index"))


@app.post("/upload")
def upload():
    file = request.files["file"]
    return {"name": file.filename, "size": len(file.read()), "field": request.form.get("field")}


@app.get("/count/<int:limit>")
def count(limit):
    lines = (f"{number}\n" for number in range(limit))
    return Response(stream_with_context(lines), mimetype="text/plain")


@app.get("/source")
def source():
    return send_file(__file__, conditional=True)


@app.get("/fail")
def fail():
    raise RuntimeError("on purpose")
