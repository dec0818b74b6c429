"""apply_patch: edits files below one folder, all of a patch or nothing of it.

It is no harmony built-in: the model calls it as a function with one string (see `TOOL`).
"""

from gptoss_metal.tools.apply_patch.definition import TOOL, patch_of
from gptoss_metal.tools.apply_patch.patch import Patch, PatchError, read_patch
from gptoss_metal.tools.apply_patch.plan import Plan, plan

__all__ = ["TOOL", "Patch", "PatchError", "Plan", "patch_of", "plan", "read_patch"]
