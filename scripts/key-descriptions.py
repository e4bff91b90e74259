#!/usr/bin/python3
"""Takes the words for the keys of a table from baton.yaml.5 into the program, for `baton schema`.

scripts/key-descriptions.py [--check]: writes Sources/baton/Schema/KeyDescriptions.swift, or says that it is old.
In the manual a comment `keys: KIND` stands before each list of the keys of that kind of mapping.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parent.parent
MANUAL = ROOT / "docs/man/baton.yaml.5"
SOURCE = ROOT / "Sources/baton/Schema/KeyDescriptions.swift"

HEAD = """// swift-format-ignore-file

/// What baton.yaml(5) says of each key, by the kind of its mapping. Written by scripts/key-descriptions.py.
enum KeyDescriptions {
    static let texts: [String: String] = [
"""
TAIL = """    ]
}
"""


def words(line):
    """One line of mdoc(7) as plain text."""
    if not line.startswith("."):
        return line.replace("\\-", "-").replace("\\&", "")
    text = ""
    glue = True
    arguments = re.findall(r'"([^"]*)"|(\S+)', line[1:])
    for argument in (quoted or plain for quoted, plain in arguments):
        if argument in ("Cm", "Li", "Ar", "Pa", "Em", "Sx", "Nm", "Dq", "Xr", "Pq"):
            continue
        if argument == "Ns":
            glue = True
            continue
        text += argument if glue or re.fullmatch(r"[.,:;)]+", argument) else " " + argument
        glue = False
    if line.startswith(".Xr "):
        text = re.sub(r"^(\S+) ([1-9])", r"\1(\2)", text)
    return f"({text})" if line.startswith(".Pq ") else text


def descriptions(manual):
    """The text of each key, as KIND.KEY. Lists may stand inside each other."""
    texts = {}
    kinds = []
    keys = []
    coming = None
    for line in manual.splitlines():
        if line.startswith('.\\" keys: '):
            coming = line.split(": ")[1]
        elif line.startswith(".Bl "):
            kinds.append(coming)
            keys.append(None)
            coming = None
        elif line.startswith(".El"):
            kinds.pop()
            keys.pop()
        elif line.startswith(".It ") and kinds[-1]:
            keys[-1] = f"{kinds[-1]}.{words('.' + line[4:])}"
            if keys[-1] in texts:
                sys.exit(f"{MANUAL}: {keys[-1]} stands there twice")
            texts[keys[-1]] = ""
        elif keys and keys[-1]:
            texts[keys[-1]] = (texts[keys[-1]] + " " + words(line)).strip()
    return {key: text[:-1] + "." if text.endswith(":") else text for key, text in texts.items()}


def main():
    lines = [f"        {json.dumps(key)}: {json.dumps(text, ensure_ascii=False)},\n"
             for key, text in sorted(descriptions(MANUAL.read_text()).items())]
    source = HEAD + "".join(lines) + TAIL
    if "--check" not in sys.argv[1:]:
        SOURCE.write_text(source)
    elif source != SOURCE.read_text():
        sys.exit(f"{SOURCE.relative_to(ROOT)} is not what {MANUAL.relative_to(ROOT)} says: "
                 "run scripts/key-descriptions.py")


main()
