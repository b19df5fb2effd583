"""What is a Python name called on the wire."""

_ACRONYMS = {"uuid": "UUID", "url": "URL", "uri": "URI"}


def wire_name(python_name: str) -> str:
    """Turn `image_data_uri` into `imageDataURI`: camelCase, acronyms in capitals."""
    first, *rest = python_name.split("_")
    return first + "".join(_ACRONYMS.get(word, word.capitalize()) for word in rest)
