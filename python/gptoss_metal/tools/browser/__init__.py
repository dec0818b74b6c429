"""The browser tool, as gpt-oss was trained to use it. (Its modules need the extra `tools`.)"""
