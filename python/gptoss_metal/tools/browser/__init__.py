"""The browser tool, as gpt-oss was trained to use it."""

from gptoss_metal.tools.browser.backends.backend import Backend
from gptoss_metal.tools.browser.backends.fixture import Fixture
from gptoss_metal.tools.browser.browser import Answer, Browser
from gptoss_metal.tools.browser.citations import Citations, rewritten

__all__ = ["Answer", "Backend", "Browser", "Citations", "Fixture", "rewritten"]
