"""Content types: a media type and its parameters (RFC 9110, section 8.3)."""

from email.message import Message

__all__ = ["parse_content_type"]


def parse_content_type(value: str | None) -> tuple[str, dict[str, str]]:
    """Splits a content type.

    Args:
        value: such as `audio/L16; rate=16000`; None if there is none.

    Returns:
        The media type in lower case, empty if there is none, and its parameters by lower-case name.
    """
    if not value:
        return "", {}
    message = Message()
    message["content-type"] = value
    parameters = message.get_params(failobj=[])
    return parameters[0][0].strip().lower(), {name.lower(): str(text) for name, text in parameters[1:]}
