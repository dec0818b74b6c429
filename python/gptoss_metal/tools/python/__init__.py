"""The python tool: a stateful kernel in a sandbox that it cannot leave."""

from gptoss_metal.tools.python.limits import Limits
from gptoss_metal.tools.python.output import Output
from gptoss_metal.tools.python.tool import Python

__all__ = ["Limits", "Output", "Python"]
