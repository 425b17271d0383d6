"""The JSON of an answer, for tests that know that there is some."""

from werkzeug.test import TestResponse

from simulation.canonical import Json


class Answer(TestResponse):
    """What a `FlaskClient(app, Answer)` gives: its `json` may be read into at once, which fails where there is none."""

    @property
    def json(self) -> Json:
        return self.get_json()


def json_of(response: TestResponse) -> Json:
    """The body of any answer as JSON; the test fails when its media type is another."""
    assert response.is_json, response.mimetype
    return response.json
