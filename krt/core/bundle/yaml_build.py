"""The value of a YAML node as decoded JSON. Pure.

Merges (`<<`) take effect in their order, as in go.yaml.in/yaml/v2, decode.go: of two equal keys the one that comes
later counts, whether it is merged or not. A key that a mapping itself has twice is refused.
"""

from krt.core.bundle.yaml_nodes import YamlInvalid, YamlNode
from krt.core.bundle.yaml_scalar import ScalarRefused, key_of, value_of

_MERGE_TAG = "tag:yaml.org,2002:merge"


def value_of_node(node: YamlNode) -> object:
    """The node's value, made of dict, list, str, int, float, bool and None. Raises YamlInvalid."""
    match node.kind:
        case "scalar":
            return _scalar(node)
        case "sequence":
            return [value_of_node(part) for part in node.parts]
        case _:
            value: dict[str, object] = {}
            _fill(value, node)
            return value


def _scalar(node: YamlNode) -> object:
    try:
        return value_of(node.text, node.tag, is_plain=node.is_plain)
    except ScalarRefused as error:
        raise YamlInvalid(str(error), node.line) from None


def _fill(value: dict[str, object], node: YamlNode) -> None:
    own: set[str] = set()
    for key_node, part in zip(node.parts[::2], node.parts[1::2], strict=True):
        if _is_merge(key_node):
            _merge(value, part)
            continue
        key = _key(key_node)
        if key in own:
            raise YamlInvalid("a key stands twice in one mapping", key_node.line)
        own.add(key)
        value[key] = value_of_node(part)


def _key(node: YamlNode) -> str:
    if node.kind != "scalar":
        raise YamlInvalid("a key is a mapping or a sequence", node.line)
    try:
        return key_of(node.text, node.tag, is_plain=node.is_plain)
    except ScalarRefused as error:
        raise YamlInvalid(str(error), node.line) from None


def _is_merge(node: YamlNode) -> bool:
    is_sign = node.kind == "scalar" and node.text == "<<" and not node.is_alias
    return is_sign and (node.is_plain or node.tag == _MERGE_TAG)


def _merge(value: dict[str, object], node: YamlNode) -> None:
    if node.kind == "mapping":
        _fill(value, node)
        return
    if node.kind != "sequence" or node.is_alias or any(part.kind != "mapping" for part in node.parts):
        raise YamlInvalid("<< merges a mapping or a sequence of mappings", node.line)
    for part in reversed(node.parts):  # the earlier ones count more
        _fill(value, part)
