"""Files from outside: every file of text, settings, a table or arrays that a user has is read here.

Whatever cannot be read, is not what it ought to be, or would take more than a machine has, is a `UserError` of one line
that names the file, the fault and its place. Arrays are in `arrays`, which needs NumPy; what has types in `typed`.
"""

from pipeline.texts.checking import check_content, check_sentence, check_text, kind_of, quoted, sentence_fault
from pipeline.texts.json_files import parse_json, read_json
from pipeline.texts.opening import read_bytes
from pipeline.texts.plain import read_end, read_text
from pipeline.texts.tables import Plain, numbered_rows, read_records, read_table
from pipeline.texts.yaml_files import read_yaml

__all__ = [
    "Plain",
    "check_content",
    "check_sentence",
    "check_text",
    "kind_of",
    "numbered_rows",
    "parse_json",
    "quoted",
    "read_bytes",
    "read_end",
    "read_json",
    "read_records",
    "read_table",
    "read_text",
    "read_yaml",
    "sentence_fault",
]
