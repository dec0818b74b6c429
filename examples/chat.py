"""A conversation in a few lines: the thinking, the answer, and a second turn.

python examples/chat.py [MODEL]
"""

import sys

from gptoss_metal import Done, Model, Reasoning, Sampling, Text


def main() -> None:
    model = Model.load(sys.argv[1] if len(sys.argv) > 1 else "demo")
    messages = []
    for question in ("What is 27 + 15?", "And 31 + 8?"):
        messages.append({"role": "user", "content": question})
        print(f"> {question}")
        thinking = False
        for event in model.chat(messages, sampling=Sampling(temperature=0)):
            if isinstance(event, Reasoning):
                thinking = True
                print(f"\033[2m{event.text}\033[0m", end="", flush=True)  # dimmed
            elif isinstance(event, Text):
                print("\n" * thinking + event.text, end="", flush=True)
                thinking = False
            elif isinstance(event, Done):
                messages.append(event.message)
                usage = event.usage
                print(f"\n({usage.prompt_tokens} tokens, {usage.cached_tokens} of them cached)")


if __name__ == "__main__":
    main()
