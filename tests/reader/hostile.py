"""Documents that are meant to break whoever reads them, and good ones to be spoiled; each is made anew, and small."""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from types import MappingProxyType

from docx import Document
from pypdf import PdfReader, PdfWriter

TEXT = "We charge $0.60 per minute."
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
PARAGRAPH = "<w:p><w:r><w:t>word</w:t></w:r></w:p>"
_MARK_OF_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def word_file(*paragraphs: str) -> bytes:
    """A document as a well-behaved program writes it."""
    document, file = Document(), BytesIO()
    for paragraph in paragraphs or (TEXT,):
        document.add_paragraph(paragraph)
    document.save(file)
    return file.getvalue()


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these parts."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in parts.items():
            written.writestr(name, content)
    return file.getvalue()


def word_of(body: str, before: str = "") -> bytes:
    """An archive whose text is this XML."""
    return archive({"word/document.xml": f"{before}<w:document {WORD}><w:body>{body}</w:body></w:document>"})


def pdf_of(objects: Iterable[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1, with a table that says where each is; the first is its catalog."""
    file, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(places) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return file + head + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(file))


def stream(content: bytes, entries: bytes = b"") -> bytes:
    packed = zlib.compress(content, 9)
    return b"<< /Length %d /Filter /FlateDecode %s >>\nstream\n%s\nendstream" % (len(packed), entries, packed)


_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def pdf_with(content: bytes, pages: int = 1) -> bytes:
    """A PDF whose pages all show this content."""
    kids = b" ".join(b"%d 0 R" % (5 + number) for number in range(pages))
    shown = b"/MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 3 0 R >> >>"
    page = b"<< /Type /Page /Parent 2 0 R %s >>" % shown
    tree = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, pages)
    return pdf_of([_CATALOG, tree, _FONT, stream(content), *[page] * pages])


def pdf_file(text: str = TEXT, pages: int = 1) -> bytes:
    """A PDF as a well-behaved program writes it."""
    return pdf_with(b"BT /F 12 Tf 50 700 Td (%s) Tj ET" % text.encode(), pages)


def locked_pdf(password: str = "secret") -> bytes:
    writer, file = PdfWriter(clone_from=PdfReader(BytesIO(pdf_file()))), BytesIO()
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    writer.write(file)
    return file.getvalue()


def locked_word() -> bytes:
    """The beginning of what Word writes with a password: another kind of file, which holds the archive encrypted."""
    return _MARK_OF_OLD_OFFICE + bytes(1_024) + "EncryptedPackage".encode("utf-16-le") + bytes(512)


def _many_files() -> bytes:
    return archive({"word/document.xml": "<a/>"} | {f"word/media/{number}.png": b"" for number in range(20_000)})


def _many_attributes() -> bytes:
    return word_of("<w:p " + " ".join(f"a{number}=''" for number in range(1_000_000)) + "/>")


def _laughs() -> bytes:
    entities = "".join(f"<!ENTITY l{number + 1} '" + f"&l{number};" * 10 + "'>" for number in range(9))
    return word_of("&l9;", f"<!DOCTYPE d [<!ENTITY l0 'ha'>{entities}]>")


def _pages_in_a_circle() -> bytes:
    tree = b"<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>"
    return pdf_of([_CATALOG, tree, b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 2 0 R] /Count 2 >>"])


def _draws_itself() -> bytes:
    """A page that shows a form, which shows itself twice."""
    itself = b"/Resources << /XObject << /X 4 0 R >> >>"
    form = stream(b"/X Do /X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 1 1] %s" % itself)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 5 0 R %s >>" % itself
    return pdf_of([_CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, form, stream(b"/X Do")])


def _tables_in_a_circle() -> bytes:
    """A table of objects that says that the one before it is itself."""
    content = pdf_file()
    return content.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % content.rindex(b"xref\n0"))


def _bomb_in_a_bomb() -> bytes:
    twice = zlib.compress(bytes(200_000_000))
    return pdf_of([_CATALOG, stream(twice, b"/Type /ObjStm /N 1 /First 0")])


HOSTILE: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {
        "bomb.docx": lambda: word_of("<w:p a='b'/>" * 6_000_000),
        "long attribute.docx": lambda: word_of(f"<w:p w:a='{'x' * 60_000_000}'/>"),
        "long word.docx": lambda: word_of(f"<w:p><w:r><w:t>{'x' * 60_000_000}</w:t></w:r></w:p>"),
        "deep.docx": lambda: word_of("<w:p>" * 1_000_000),
        "many paragraphs.docx": lambda: word_of(PARAGRAPH * 1_500_000),
        "many cells.docx": lambda: word_of("<w:tr>" + f"<w:tc>{PARAGRAPH}</w:tc>" * 900_000 + "</w:tr>"),
        "many attributes.docx": _many_attributes,
        "laughs.docx": _laughs,
        "entity of a file.docx": lambda: word_of("&e;", '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
        "many files.docx": _many_files,
        "archive in an archive.docx": lambda: archive({"word/document.xml": archive({"a": bytes(50_000_000)})}),
        "spreadsheet.docx": lambda: archive({"xl/workbook.xml": "<workbook/>"}),
        "no part.docx": lambda: archive({"_rels/.rels": "<a/>"}),
        "locked.docx": locked_word,
        "old.docx": lambda: _MARK_OF_OLD_OFFICE + bytes(2_048),
        "really a pdf.docx": pdf_file,
        "really a docx.txt": word_file,
        "really a docx.pdf": word_file,
        "picture.pdf": lambda: b"\x89PNG\r\n\x1a\n" + bytes(100),
        "empty.docx": lambda: b"",
        "empty.pdf": lambda: b"",
        "blank.txt": lambda: b"   \n",
        "not text.txt": lambda: b"\xff\xfe\x00w\xd8",
        "scan.pdf": lambda: pdf_with(b"0 0 600 800 re f"),
        "locked.pdf": locked_pdf,
        "long page.pdf": lambda: pdf_with(b"BT /F 9 Tf " + b"(a) Tj 1 0 Td " * 700_000 + b"ET"),
        "long pages.pdf": lambda: pdf_with(b"BT /F 9 Tf " + b"(a) Tj 1 0 Td " * 20_000 + b"ET", 300),
        "numbers.pdf": lambda: pdf_with(b"1 " * 20_000_000),
        "arrays.pdf": lambda: pdf_with(b"[" * 1_000_000),
        "open strings.pdf": lambda: pdf_with(b"BT /F 9 Tf (" + b"(" * 5_000_000),
        "bomb in a bomb.pdf": _bomb_in_a_bomb,
        "circle.pdf": _pages_in_a_circle,
        "circle of tables.pdf": _tables_in_a_circle,
        "draws itself.pdf": _draws_itself,
        "many pages.pdf": lambda: pdf_file(pages=5_000),
        "pages that are not there.pdf": lambda: pdf_of([_CATALOG, b"<< /Type /Pages /Kids [] /Count 999999999 >>"]),
        "no pages.pdf": lambda: pdf_of([b"<< /Type /Catalog >>"]),
        "only a mark.pdf": lambda: b"%PDF-1.4 broken",
    }
)
"""By a name that says what each is."""
