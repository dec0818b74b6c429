"""The command line, one file per command. Modules here import nothing slow before they run."""
