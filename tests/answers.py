"""An answer of the application whose JSON is read without asking first whether there is any."""

from flask import Response
from werkzeug.test import TestResponse

from simulation.canonical import Json


class Answer(TestResponse, Response):
    """What a `FlaskClient(app, Answer)` gives: its `json` may be read into at once, which fails where there is none."""

    @property
    def json(self) -> Json:
        return self.get_json()
