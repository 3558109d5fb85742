"""Catalogues in files that people write: YAML or JSON, with the line of every value.

Only text becomes a document here, and a document text: what a catalogue means, the database says.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import msgspec
import yaml

Document: TypeAlias = dict[str, Any]

SCHEMA_NAME: Final = "catalogue.schema.json"
"""The file by which editors know the keys; templates name it."""

_MOST_VALUES: Final = 100_000
"""More than the database takes. In YAML a few lines can stand for billions of values."""

_MOST_CHARACTERS: Final = 2**21
"""Twice what the database takes, for comments and indentation. Reading more takes minutes."""

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})([.][0-9]{1,30})?")

_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
"""What is not text without quotes. YAML once had more of them, such as no and off."""

_ORDER: Final = (
    *("$schema", "organisation", "function", "events", "ticket_types", "packages", "pools"),
    *("organisation_id", "function_id", "ticket_type_id", "package_id", "capacity_pool_id"),
    *("slug", "event_id", "title", "name", "description", "currency", "timezone", "status"),
    *(
        "price",
        "items",
        "quantity",
        "capacity",
        "starts_at",
        "ends_at",
        "type",
        "operator",
        "value",
    ),
)
"""The order in which keys are written; others follow by name."""


class CatalogueFileError(Exception):
    """A file cannot be read or written; the message is a sentence that names it."""


@dataclass(frozen=True)
class CatalogueFile:
    """A file that has been read.

    Attributes:
        name: Its name.
        document: Its content, as p_catalogue.
        lines: The line of each value, by its path in the document, such as events[0].slug.
    """

    name: str
    document: Document
    lines: Mapping[str, int]

    def line(self, path: str) -> int:
        """Return the line of what an issue is about.

        Args:
            path: The path of the issue, which begins with p_catalogue.

        Returns:
            The line of the value, or of what it should be in.
        """
        shorter = path.removeprefix("p_catalogue").removeprefix(".")
        while shorter not in self.lines:
            shorter = shorter[: max(shorter.rfind("."), shorter.rfind("["), 0)]
        return self.lines[shorter]


def read_catalogue(path: Path) -> CatalogueFile:
    """Read a catalogue.

    Args:
        path: A file of YAML, or of JSON, which is YAML, too.

    Returns:
        Its content.

    Raises:
        CatalogueFileError: It is not there, not readable, not YAML, or not a catalogue.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_MOST_CHARACTERS + 1)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise CatalogueFileError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path} is not a text file in UTF-8."
        raise CatalogueFileError(message) from error
    if len(text) > _MOST_CHARACTERS:
        message = (
            f"{path} is larger than {_MOST_CHARACTERS // 2**20} MiB: the database takes 1 MiB."
        )
        raise CatalogueFileError(message)
    if path.suffix == ".json":
        text = text.replace("\t", " ")  # which JSON has only between values
    return parse_catalogue(text, str(path))


def parse_catalogue(text: str, name: str) -> CatalogueFile:
    """Parse a catalogue.

    Args:
        text: YAML.
        name: The name of its file.

    Returns:
        Its content.

    Raises:
        CatalogueFileError: It is not YAML, or not a catalogue.
    """
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        reader = _Reader(name)
        document = reader.value(node, "") if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}:" if mark else ":"
        words = " ".join(part for part in (error.context, error.problem) if part)
        if error.problem == "mapping values are not allowed here":
            words += "; put text that contains ': ' in quotes"
        message = f"{name}{line} not YAML: {words}."
        raise CatalogueFileError(message) from error
    except yaml.YAMLError as error:
        message = f"{name} is not YAML: {' '.join(str(error).split())}."
        raise CatalogueFileError(message) from error
    except RecursionError as error:
        message = f"{name} is nested too deep."
        raise CatalogueFileError(message) from error
    if not isinstance(document, dict):
        message = (
            f"{name} has no catalogue: it needs organisation, function, events, ticket_types and "
            "packages. To begin with one that works: ticketing catalogue template FILE"
        )
        raise CatalogueFileError(message)
    return CatalogueFile(name, cast("Document", document), reader.lines)


class _Reader:
    """Makes values of the nodes of one file, and keeps their lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[str, int] = {}

    def value(self, node: yaml.Node, place: str, parents: tuple[yaml.Node, ...] = ()) -> object:
        """Return the value of a node, all numbers exact."""
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        if node in parents or len(self.lines) > _MOST_VALUES:
            message = f"{self.name}:{line}: an alias makes the file too large."
            raise CatalogueFileError(message)
        parents = (*parents, node)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, place, parents)
            case yaml.SequenceNode():
                return [
                    self.value(item, f"{place}[{index}]", parents)
                    for index, item in enumerate(cast("list[yaml.Node]", node.value))
                ]
            case _:
                return _scalar(cast("yaml.ScalarNode", node))

    def _mapping(
        self, node: yaml.MappingNode, place: str, parents: tuple[yaml.Node, ...]
    ) -> Document:
        found: Document = {}
        for key, item in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                message = f"{self.name}:{line}: a key must be a word."
                raise CatalogueFileError(message)
            name = str(key.value)
            if name in found:
                message = f"{self.name}:{line}: {name} stands here twice."
                raise CatalogueFileError(message)
            inside = f"{place}.{name}" if place else name
            self.lines[inside] = line
            found[name] = self.value(item, inside, parents)
        return found


def _scalar(node: yaml.ScalarNode) -> object:
    """Return a scalar: text, unless it is a plain number or word of JSON without quotes."""
    text = str(node.value)
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("-").isdigit() else Decimal(text)
    return text


def write_catalogue(path: Path | None, document: Mapping[str, Any]) -> str:
    """Write a catalogue as text.

    Args:
        path: The file it is for; a name that ends in .json means JSON, anything else YAML.
        document: The catalogue.

    Returns:
        The text, in an order that people expect.
    """
    ordered = _ordered(document)
    if path and path.suffix == ".json":
        text = msgspec.json.Encoder(decimal_format="number").encode(ordered)
        return msgspec.json.format(text, indent=2).decode() + "\n"
    dump = cast("Callable[..., str]", yaml.dump)  # pyright: ignore[reportUnknownMemberType]
    return dump(ordered, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _ordered(value: object) -> object:
    match value:
        case Mapping():
            mapping = cast("Mapping[str, object]", value)
            place = {key: number for number, key in enumerate(_ORDER)}
            keys = sorted(mapping, key=lambda key: (place.get(key, len(place)), key))
            return {key: _ordered(mapping[key]) for key in keys}
        case list() | tuple():
            return [_ordered(item) for item in cast("Iterable[object]", value)]
        case _:
            return value


class _Dumper(yaml.SafeDumper):
    """Writes lists as people do, times without quotes, and prices with their decimals."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent the entries of a list below its key."""
        super().increase_indent(flow, indentless=False)


def _text_node(_: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+[-+][0-9:]{5}", text)
    tag = "tag:yaml.org,2002:timestamp" if plain else "tag:yaml.org,2002:str"
    return yaml.ScalarNode(tag, text)


def _amount_node(_: yaml.SafeDumper, amount: Decimal) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:float", format(amount, "f"))


_Dumper.add_representer(str, _text_node)
_Dumper.add_representer(Decimal, _amount_node)


def template() -> str:
    """Return the starter file: a small conference, with comments."""
    return files("ticketing_client").joinpath("example/conference.yaml").read_text("utf-8")


def schema() -> str:
    """Return the JSON Schema of a catalogue, for editors."""
    return files("ticketing_client").joinpath(f"example/{SCHEMA_NAME}").read_text("utf-8")
