"""Many questions at once with asyncio: each has a session, all share the weights.

python examples/batch_generate.py [MODEL]
"""

import asyncio
import sys

from gptoss_metal import Done, Model, Sampling

QUESTIONS = ("What is 12 + 34?", "What is the capital of France?", "What is 90 - 17?", "Hello!")


async def ask(model: Model, question: str) -> str:
    """The whole answer to one question."""
    messages = [{"role": "user", "content": question}]
    async for event in model.achat(messages, sampling=Sampling(temperature=0), max_tokens=400):
        if isinstance(event, Done):
            return str(event.message["content"])
    raise AssertionError("a turn ends in Done")


async def main() -> None:
    model = Model.load(sys.argv[1] if len(sys.argv) > 1 else "demo")
    answers = await asyncio.gather(*(ask(model, question) for question in QUESTIONS))
    for question, answer in zip(QUESTIONS, answers, strict=True):
        print(f"{question:32} {answer}")


if __name__ == "__main__":
    asyncio.run(main())
