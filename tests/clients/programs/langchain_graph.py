"""langchain-openai, langchain-ollama and a langgraph agent."""

from langchain_core.tools import tool
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent
from pydantic import BaseModel
from task import KEY, MODEL, PERSON, SUM, URL, WEATHER, get_weather, report


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def work(model: object) -> dict:
    pieces = [chunk.text for chunk in model.stream(SUM) if chunk.text]
    agent = create_react_agent(model, [tool(get_weather)])
    messages = agent.invoke({"messages": [("user", WEATHER)]})["messages"]
    calls = [
        [call["name"], call["args"]]
        for message in messages
        for call in getattr(message, "tool_calls", ())
    ]
    return {
        "stream": {"text": "".join(pieces), "pieces": len(pieces)},
        "tool": {"calls": calls, "text": messages[-1].text},
        "structured": model.with_structured_output(Person, method="json_schema")
        .invoke(PERSON)
        .model_dump(),
    }


settings = {"model": MODEL, "base_url": URL + "/v1", "api_key": KEY, "temperature": 0}
report(
    chat=work(ChatOpenAI(**settings)),
    responses=work(ChatOpenAI(**settings, use_responses_api=True)),
    ollama=work(ChatOllama(model=MODEL, base_url=URL, temperature=0)),
)
