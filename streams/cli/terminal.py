"""How commands print: what a person named, such as `run[x]`, is shown as it is, never read as rich's markup."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

__all__ = ["headed", "make_console", "print_markdown", "say_steps", "spinning"]


def make_console(*, stderr: bool = False) -> Console:
    """A console that prints texts as they are and does not break lines; styles are given by `style=` or as `Text`."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)


def headed(head: str, text: str, style: str = "dim") -> Text:
    """A line that begins with a word in a style."""
    return Text.assemble((f"{head}:", style), f" {text}")


def say_steps(command: str) -> Callable[[str], None]:
    """What is told each step of a command, and prints it on stderr behind the command's name."""
    console = make_console(stderr=True)

    def say(step: str) -> None:
        console.print(headed(command, step))

    return say


@contextmanager
def spinning(text: str) -> Iterator[Callable[[str], None]]:
    """Something moves on stderr, where that is a terminal, beside a text that can be changed."""
    with make_console(stderr=True).status(Text(text)) as status:
        yield lambda changed: status.update(Text(changed))


def print_markdown(text: str) -> None:
    """Print a page for a person, as wide as the terminal."""
    from rich.markdown import Markdown

    Console().print(Markdown(text))
