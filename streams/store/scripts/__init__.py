"""The Lua scripts, each with its keys, arguments and answer at its top, and how they are run."""

from streams.store.scripts.runner import Script, ScriptCall, run_scripts

__all__ = ["Script", "ScriptCall", "run_scripts"]
