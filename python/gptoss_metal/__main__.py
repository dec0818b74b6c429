"""``python -m gptoss_metal``."""

from gptoss_metal.cli.main import main

main()
