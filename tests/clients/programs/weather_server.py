"""An MCP server on its standard streams, with one tool: the weather.

    python weather_server.py NAME LOG

NAME is what the tool is called; each call's city is added to LOG.
"""

import sys
from pathlib import Path

from mcp.server import MCPServer

name, log = sys.argv[1:]
server = MCPServer("weather")


@server.tool(name=name)
def get_weather(city: str) -> str:
    """Gets the current weather for a city."""
    with Path(log).open("a") as out:
        out.write(city + "\n")
    return f'{{"city": "{city}", "temperature": 21, "condition": "sunny"}}'


server.run("stdio")
