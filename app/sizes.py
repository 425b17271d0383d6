"""Limits of files, texts and documents from outside: how large, and how long to read, they may be (spec 6 and 7).

They are the same everywhere. Those of the values within JSON stand in `simulation/edges.py`, which the engine holds to
as well and which knows nothing of files; those of connections, which an operator may set, in `app/limits.py`.
"""

MIB = 2**20

MAX_BODY_BYTES = 8 * MIB
"""A request's body; a batch of 1,000 events is about 250 kB. Files from the Data screen have limits of their own."""

MAX_UNPACKED_BODY_BYTES = 64 * MIB
MAX_UNPACKED_FILE_BYTES = 16 * 1024 * MIB
MAX_UNPACKED_RATIO = 200
"""How many times its packed size a gzip file of usage may have, beyond its first 64 MiB; real ones have 5 to 50."""
MAX_LINE_BYTES = MIB

MAX_PASTED_LENGTH = 1_000_000
"""Characters of the text that is pasted into a context."""
MAX_DOCUMENTS = 50
"""Documents of a context."""
MAX_DOCUMENT_LENGTH = 400_000
"""Characters of a document that are kept, some 200 pages."""
MAX_CONTEXT_LENGTH = 2_000_000
"""Characters of all documents of a context."""
MAX_PAGES = 300
"""Pages of a PDF that are read."""
MAX_PARTS = 10_000
"""Files in the archive that a Word document is; one picture is one."""
MAX_UNPACKED_DOCUMENT_BYTES = 64 * MIB
"""Bytes of XML of a Word document; a book of 1,000 pages has about 10 MiB."""
MAX_XML_DEPTH = 500
"""Elements within each other; a table within a table has 4 more."""

MAX_READERS = 2
"""Documents that one process of the server has read at a time; each takes a core."""
MAX_READING_SECONDS = 10
"""For all documents of one upload."""
MAX_PAGES_SECONDS = 7
"""After so long no further page of a PDF is begun, and what was read by then is kept."""
MAX_READER_BYTES = 512 * MIB
"""Memory of the process that reads a document."""
