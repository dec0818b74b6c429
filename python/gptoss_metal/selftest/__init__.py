"""The Metal backend against formulas and against the CPU backend, on this machine's GPU.

>>> from gptoss_metal import selftest
>>> report = selftest.run()
>>> report.ok
True
"""

from gptoss_metal.selftest.report import Report, run

__all__ = ["Report", "run"]
