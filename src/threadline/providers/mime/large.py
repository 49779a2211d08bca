"""Messages too large to be fetched whole: the header block, the structure, and the text parts by themselves."""

from __future__ import annotations

from itertools import groupby

from threadline.providers.contract import Content, PartInfo, TextPart
from threadline.providers.mime import defects, limits
from threadline.providers.mime.block import read_block
from threadline.providers.mime.charsets import decode
from threadline.providers.mime.model import Body, Node, is_shown
from threadline.providers.mime.parameters import split_value
from threadline.providers.mime.second import decode_content
from threadline.providers.mime.texts import decoded_size, file_name, tidy

_PART_HEADER = 500  # bytes, generously, of the delimiter and header of a part


def read_body(content: Content) -> Body:
    """The parts as far as they are known. Containers are not: two texts side by side are taken for alternatives."""
    found: list[str] = []
    leaves: dict[str, Node] = {}
    for info in content.structure[: limits.PARTS]:
        if not info.content_type.startswith("multipart/"):
            leaves.setdefault(info.part, _attachment(info))
    for text in content.parts[: limits.PARTS]:
        leaves[text.part] = _text(text, leaves.get(text.part), found)
    if len(content.structure) > limits.PARTS or len(content.parts) > limits.PARTS:
        found.append(defects.TOO_MANY_PARTS)
    if _lacks_parts(content):
        found.append(defects.PARTS_UNKNOWN)
    ordered = [leaves[part] for part in sorted(leaves, key=_order)]
    containers = [_container(name, list(group)) for name, group in groupby(ordered, _parent)]
    return Body(Node("", "multipart/mixed", children=containers), found)


def _lacks_parts(content: Content) -> bool:
    """Whether the server found no parts in a multipart that has some content.

    It then describes an empty text part, without so much as the line that ends a header (seen on Dovecot). So it does
    for a multipart that is empty; but then the parts make up the size of the message.
    """
    if not any(not (text.header or text.body) for text in content.parts):
        return False
    known = len(content.raw) + sum(len(text.header) + len(text.body) for text in content.parts)
    known += sum(max(info.size, 0) + _PART_HEADER for info in content.structure)
    return content.item.size > known + _PART_HEADER * len(content.parts)


def _parent(leaf: Node) -> str:
    return leaf.part.rpartition(".")[0]


def _order(part: str) -> list[int]:
    return [int(number) if number.isdecimal() and len(number) < 10 else 0 for number in part.split(".")]


def _container(part: str, leaves: list[Node]) -> Node:
    """Two text parts, plain before HTML, are alternatives: no sender follows a plain text by the HTML of another."""
    shown = [leaf.content_type for leaf in leaves if leaf.text is not None]
    is_alternative = shown == ["text/plain", "text/html"]
    return Node(part, "multipart/alternative" if is_alternative else "multipart/mixed", children=leaves)


def _attachment(info: PartInfo) -> Node:
    parameters = {name.lower(): value for name, value in info.parameters}
    encoding = info.encoding.strip().lower()
    size = max(info.size, 0)  # negative sizes were seen from Exchange
    return Node(
        info.part,
        tidy(info.content_type.lower(), limits.NAME_CHARS),
        name=file_name(info.name),
        disposition=info.disposition.strip().lower(),
        content_id=tidy(info.content_id.strip(" <>"), limits.ID_CHARS),
        size=decoded_size(size, encoding),
        encoded_size=size,
        encoding=encoding,
        method=parameters.get("method", ""),
    )


def _text(text: TextPart, known: Node | None, found: list[str]) -> Node:
    block = read_block(text.header)
    content_type, parameters = split_value(block.first("content-type"))
    disposition, more = split_value(block.first("content-disposition"))
    encoding = block.first("content-transfer-encoding").strip().lower() or (known.encoding if known else "")
    if "/" not in content_type or not content_type.isprintable():
        content_type = known.content_type if known else "text/plain"
    name = file_name(more.get("filename") or parameters.get("name") or (known.name if known else ""))
    node = known or Node(text.part, content_type, encoded_size=len(text.body))
    node.content_type, node.disposition, node.name, node.encoding = content_type, disposition, name, encoding
    if not is_shown(content_type, disposition, name, text.part):
        node.method = parameters.get("method", node.method)
        return node
    data, sound = decode_content(_cut(text.body, encoding) if text.truncated else text.body, encoding)
    node.text, labelled = decode(data, parameters.get("charset", ""))
    found += [defects.PART_CUT] * text.truncated
    # A cut part ends anywhere, even within a character: that is no fault of the sender.
    found += [defects.ENCODING] * (not sound and not text.truncated)
    found += [defects.CHARSET] * (not labelled and not text.truncated)
    node.size = decoded_size(node.encoded_size, encoding) if text.truncated else len(data)
    return node


def _cut(body: bytes, encoding: str) -> bytes:
    """A truncated body up to its last whole line: half a line may be half an escape, or half a character."""
    end = body.rfind(b"\n")
    return body[: end + 1] if end > 0 and encoding in {"base64", "quoted-printable", "8bit", "7bit", ""} else body
