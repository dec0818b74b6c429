"""The Metal backend on software Metal. Runs with the build that has it: ``make test-metal``."""
