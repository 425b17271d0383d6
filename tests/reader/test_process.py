"""A document is read in a process of its own: what comes of it, and that no hostile one takes more than its limits."""

import resource
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest
from docx import Document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.reader import process
from app.reader.outcome import ReadersBusy, Text, UnreadableDocument
from app.sizes import MAX_DOCUMENT_LENGTH, MAX_READER_BYTES, MAX_READERS, MAX_READING_SECONDS
from tests.reader import hostile

START_SECONDS = 2  # of a process, on a busy machine


def read(name: str, content: bytes) -> Text:
    return process.read(name, content, process.Deadline())


def answer(name: str, content: bytes) -> tuple[Text, str]:
    """The text of a document, or an empty one and what is wrong with it."""
    try:
        return read(name, content), ""
    except UnreadableDocument as problem:
        return Text(""), str(problem)


def readers() -> list[psutil.Process]:
    """The processes that read documents for this one, ended ones that nobody took note of among them."""
    return [child for child in psutil.Process().children(recursive=True) if "app.reader" in " ".join(_command(child))]


def _command(child: psutil.Process) -> list[str]:
    try:
        return list(child.cmdline())
    except psutil.Error:
        return []


def test_the_text_of_each_kind_is_read() -> None:
    assert read("pitch.docx", hostile.word_file("One.", "Two.")).text == "One.\nTwo."
    assert read("pitch.pdf", hostile.pdf_file(pages=2)).text == f"{hostile.TEXT}\n{hostile.TEXT}"
    assert read("pitch.md", b"\xef\xbb\xbf# Gr\xc3\xbc\xc3\x9fe").text == "# Grüße"


def test_a_word_document_is_read_in_its_order_with_tables_links_and_what_was_inserted() -> None:
    document, file = Document(), BytesIO()
    document.add_paragraph("Before")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    document.add_paragraph("A\tB").add_run().add_break()
    document.save(file)
    assert read("pitch.docx", file.getvalue()).text == "Before\nleft\nright\nA\tB"
    tracked = (
        "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>"
        "<w:p><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>"
        "<w:hyperlink><w:r><w:t> link</w:t></w:r></w:hyperlink>"
        "<w:sdt><w:sdtContent><w:r><w:t> control</w:t></w:r></w:sdtContent></w:sdt></w:p>"
    )
    assert read("pitch.docx", hostile.word_of(tracked)).text == "new\n link control"


def test_a_word_document_of_the_strict_form_and_with_its_part_elsewhere_is_read() -> None:
    relations = '<R xmlns="r"><Relationship Type="http://x/officeDocument" Target="/word/document2.xml"/></R>'
    body = '<d xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main"><w:p><w:t>strict</w:t></w:p></d>'
    assert read("a.docx", hostile.archive({"_rels/.rels": relations, "word/document2.xml": body})).text == "strict"


def test_what_was_left_out_is_said() -> None:
    long = read("long.txt", b"a" * (MAX_DOCUMENT_LENGTH + 1))
    assert (len(long.text), long.notes) == (MAX_DOCUMENT_LENGTH, ("only its first 400,000 characters were read",))
    many = read("many.pdf", hostile.pdf_file(pages=301))
    assert many.notes == ["only its first 300 of 301 pages were read"]
    assert read("cut.pdf", hostile.pdf_file() + b"%" * 5_000).notes == ["its end is missing, so that pages may be too"]


PROBLEMS = {
    "bomb.docx": "unpacks to more than 64 MiB",
    "long word.docx": "",
    "many paragraphs.docx": "",
    "many cells.docx": "",
    "deep.docx": "more than 500 elements within each other",
    "long attribute.docx": "holds no text",
    "many attributes.docx": "holds no text",
    "laughs.docx": "declares entities",
    "entity of a file.docx": "declares entities",
    "many files.docx": "holds more than 10,000 files",
    "archive in an archive.docx": "is damaged (its XML breaks off at line 1",
    "spreadsheet.docx": "is a spreadsheet, not a Word document",
    "no part.docx": "is an archive without a Word document in it",
    "locked.docx": "is locked with a password: save it without one",
    "old.docx": "is an old Word document (doc)",
    "really a pdf.docx": "is a PDF by what it holds: give it a name that ends in .pdf",
    "really a docx.txt": "is an archive by what it holds, such as a docx",
    "really a docx.pdf": "is an archive by what it holds, such as a docx",
    "picture.pdf": "is a picture by what it holds",
    "empty.docx": "is empty",
    "empty.pdf": "is empty",
    "blank.txt": "is empty",
    "not text.txt": "is not UTF-8 text: save it as UTF-8",
    "scan.pdf": "holds no text; a scanned page has to be typed in",
    "locked.pdf": "is locked with a password: save it without one",
    "long page.pdf": "larger than any that are read",
    "long pages.pdf": "",
    "numbers.pdf": "larger than any that are read",
    "arrays.pdf": "none of its pages can be read",
    "open strings.pdf": "none of its pages can be read",
    "bomb in a bomb.pdf": "is damaged (it has no pages)",
    "circle.pdf": "is damaged (its pages cannot be found)",
    "circle of tables.pdf": "",
    "draws itself.pdf": "holds no text",
    "many pages.pdf": "",
    "pages that are not there.pdf": "is damaged (it has no pages)",
    "no pages.pdf": "is damaged (its pages cannot be found)",
    "only a mark.pdf": "is damaged (its end is missing)",
}
"""Name of a hostile document → what is wrong with it, nothing where as much of it is read as there is room for."""


def test_each_hostile_document_has_its_answer() -> None:
    assert PROBLEMS.keys() == hostile.HOSTILE.keys()


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_hostile_document_is_answered_within_its_limits_and_leaves_nothing_behind(name: str) -> None:
    content, begun = hostile.HOSTILE[name](), monotonic()
    text, problem = answer(name, content)
    assert monotonic() - begun < MAX_READING_SECONDS + START_SECONDS
    slow = f"took longer than {MAX_READING_SECONDS} seconds"  # on a machine that has other things to do
    assert PROBLEMS[name] in problem or slow in problem
    assert bool(text.text) != bool(problem)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < 2 * MAX_READER_BYTES
    assert readers() == []


@pytest.mark.parametrize(("name", "content"), [("a.docx", hostile.word_file()), ("a.pdf", hostile.pdf_file())])
@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_document_that_was_cut_off_says_so_or_says_that_it_is_damaged(name: str, content: bytes, tenths: int) -> None:
    text, problem = answer(name, content[: len(content) * tenths // 10])
    assert "is damaged (" in problem or text.notes == ["its end is missing, so that pages may be too"]


@st.composite
def spoiled(draw: st.DrawFn, content: bytes) -> bytes:
    """A good document with some of its bytes changed, left out or repeated."""
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(content) - 1))
        length = draw(st.integers(0, 40))
        put = draw(st.one_of(st.binary(max_size=8), st.just(content[at : at + length] * 3), st.just(b"9999999999")))
        content = content[:at] + put + content[at + length :]
    return content


_SOME = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@_SOME
@given(st.data())
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docx", hostile.word_of(hostile.PARAGRAPH * 20)),
        ("a.pdf", hostile.pdf_file(pages=3)),
        ("locked.pdf", hostile.locked_pdf("")),
    ],
)
def test_any_spoiled_document_is_read_or_refused_within_its_limits(
    name: str, content: bytes, data: st.DataObject
) -> None:
    begun = monotonic()
    text, problem = answer(name, data.draw(spoiled(content)))
    assert bool(text.text.encode()) != bool(problem)
    assert monotonic() - begun < MAX_READING_SECONDS + START_SECONDS


def test_a_document_locked_for_changes_alone_is_read() -> None:
    assert read("a.pdf", hostile.locked_pdf("")).text == hostile.TEXT


def test_more_documents_than_there_are_places_are_sent_away_rather_than_kept_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_WAIT_SECONDS", 0.1)
    slow = hostile.HOSTILE["long pages.pdf"]()
    threads = [threading.Thread(target=answer, args=("slow.pdf", slow)) for _ in range(MAX_READERS)]
    for thread in threads:
        thread.start()
    while len(readers()) < MAX_READERS:
        sleep(0.01)
    with pytest.raises(ReadersBusy):
        read("a.docx", hostile.word_file())
    assert read("a.txt", b"Text needs no place.").text
    for reader in readers():
        reader.kill()
    for thread in threads:
        thread.join()
    assert read("a.docx", hostile.word_file()).text == hostile.TEXT


def test_an_upload_has_one_time_for_all_of_its_documents() -> None:
    with pytest.raises(UnreadableDocument, match="send it alone"):
        process.read("a.docx", hostile.word_file(), process.Deadline(0))


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ("bytes(10**9)", "needs more than 512 MiB of memory"),
        ("[0] * 10**9", "needs more than 512 MiB of memory"),
        ("__import__('os').kill(__import__('os').getpid(), 11)", "reading it broke off"),
        ("__import__('os').kill(__import__('os').getpid(), 24)", "took longer than 10 seconds"),
        ("1 / 0", "reading it broke off"),
        ("open('{folder}/left', 'w').write('x')", "reading it broke off"),
    ],
)
def test_a_reader_that_goes_beyond_a_limit_ends_with_what_it_was(
    ends: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "app" / "reader"
    folder.mkdir(parents=True)
    script = f"def read(content):\n    return {ends.format(folder=tmp_path)}\n"
    (folder / "word.py").write_text(script)
    monkeypatch.setattr(process, "_COMMAND", ("-P", "-c", RUNS_ANOTHER.format(path=folder / "word.py")))
    assert says in answer("a.docx", hostile.word_file())[1]
    left = tmp_path / "left"
    assert not left.exists() or left.read_bytes() == b""


RUNS_ANOTHER = """
import importlib.util, sys
from app.reader import __main__ as reader
spec = importlib.util.spec_from_file_location('other', '{path}')
other = importlib.util.module_from_spec(spec)
spec.loader.exec_module(other)
reader.import_module = lambda name: other
reader.main('word', int(sys.argv[2]))
"""


def test_a_reader_whose_server_was_killed_ends_at_once(tmp_path: Path) -> None:
    document = tmp_path / "slow.pdf"
    document.write_bytes(hostile.HOSTILE["long pages.pdf"]())
    script = (
        "import sys; from pathlib import Path; from app.reader import process;"
        f"process.read('slow.pdf', Path({str(document)!r}).read_bytes(), process.Deadline())"
    )
    server = subprocess.Popen([sys.executable, "-c", script])
    parent = psutil.Process(server.pid)
    while not (children := parent.children()):
        sleep(0.01)
    sleep(1)
    server.kill()
    server.wait()
    gone, alive = psutil.wait_procs(children, timeout=2)
    assert alive == []
    assert gone


def test_a_reader_has_nothing_of_the_server_but_what_it_needs_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVS_SECRET_KEY", "secret")
    script = "import os, sys; print(sorted(os.environ)); sys.stdout.flush(); os._exit(0)"
    monkeypatch.setattr(process, "_COMMAND", ("-P", "-c", script))
    status, answer = process._run("word", b"", 10)
    assert status == 0
    assert b"AVS_SECRET_KEY" not in answer
    assert b"PYTHONPATH" in answer


def test_a_reader_loads_no_other_part_of_the_product() -> None:
    script = (
        "import sys; from app.reader import __main__, word, pdf; print([m for m in sys.modules if m[:4] == 'app.'])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(eval(ended.stdout))
    assert {name for name in modules if not name.startswith("app.reader")} == {"app.sizes"}
