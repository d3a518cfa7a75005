"""Notes, as Bottle's users write it."""

import bottle

app = bottle.Bottle()
notes = {}


@app.get("/notes")
def listing():
    return {"notes": notes}


@app.put("/notes/<name:re:[a-z]+>")
def save(name):
    notes[name] = bottle.request.json["text"]
    bottle.response.status = 201
    return notes


@app.get("/hello/<name>")
def hello(name):
    bottle.response.set_cookie("name", name, path="/", httponly=True)
    return bottle.template(
        "<b>{{name}}</b>, {{agent}}", name=name, agent=bottle.request.remote_addr
    )


@app.error(404)
def missing(error):
    return f"nothing at {bottle.request.path}"
