"""What a name of one's own stands for: a model, and the defaults of its turns."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.harmony.messages import Message, read_messages
from gptoss_metal.sampling import Sampling

EFFORTS: Final = ("low", "medium", "high")
INSTRUCTING: Final = ("system", "developer")


@dataclass(frozen=True)
class Preset:
    """A model under a name, with defaults; what a request says itself comes first.

    Attributes:
        name: what it is called.
        base: a name of the store, another alias, or the path of a model file.
        system: instructions, for conversations that bring none.
        messages: turns that stand before every conversation, e.g. examples.
        reasoning_effort: ``low``, ``medium`` or ``high``; None for the model's default.
        num_ctx: tokens that prompt and answer may have together; None for what the model has.
        max_tokens: the most to generate; None for what fits.
        sampling: values of `Sampling`'s fields, by name.
        notes: what its source asked for and gptoss-metal does not do, one line each.

    Raises:
        Error: a value that cannot be.
    """

    name: str
    base: str
    system: str | None = None
    messages: tuple[Message, ...] = ()
    reasoning_effort: str | None = None
    num_ctx: int | None = None
    max_tokens: int | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks every value."""
        if not isinstance(self.base, str) or not self.base.strip():
            raise Error("[alias] no base. Try: the name of a model, e.g. gpt-oss-20b.")
        if not isinstance(self.system, str | None):
            raise Error("[alias] the system text is not a string. Try: a string.")
        if self.reasoning_effort not in (None, *EFFORTS):
            raise Error(
                f"[alias] the reasoning effort {self.reasoning_effort!r} does not exist. "
                "Try: low, medium or high."
            )
        for name in ("num_ctx", "max_tokens"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise Error(f"[alias] {name} is {value!r}. Try: an integer of 1 or more.")
        if self.messages:
            read_messages(self.messages)
        self.sampling_over(Sampling())

    @classmethod
    def from_json(cls, name: str, values: Mapping[str, Any]) -> Preset:
        """Reads what `as_json` returned.

        Raises:
            Error: a key or a value that cannot be.
        """
        known = {entry.name for entry in dataclasses.fields(cls)} - {"name"}
        unknown = sorted(set(values) - known)
        if unknown or "base" not in values:
            what = f"the unknown key {unknown[0]}" if unknown else "no base"
            raise Error(f"[alias] {name} has {what}. Try: gptoss-metal rm {name}")
        kinds = (("messages", list), ("notes", list), ("sampling", dict))
        wrong = [key for key, kind in kinds if not isinstance(values.get(key, kind()), kind)]
        if wrong:
            raise Error(f"[alias] {name}: {wrong[0]} is damaged. Try: gptoss-metal rm {name}")
        lists = {key: tuple(values.get(key, ())) for key in ("messages", "notes")}
        return cls(name, **{**values, **lists})

    def as_json(self) -> dict[str, Any]:
        """Its values for a JSON file, without the name and what is not set."""
        found = dataclasses.asdict(self)
        del found["name"]
        found |= {"messages": list(self.messages), "notes": list(self.notes)}
        return {key: value for key, value in found.items() if value}

    def over(self, base: Preset) -> Preset:
        """This preset made from another one: its own values, then those of `base`.

        Returns:
            A preset of this name whose base is the base of `base`.
        """
        own = {key: value for key, value in self.as_json().items() if key != "base"}
        merged = {**base.as_json(), **own, "sampling": {**base.sampling, **self.sampling}}
        return Preset.from_json(self.name, merged)

    def sampling_over(self, sampling: Sampling, given: Collection[str] | None = None) -> Sampling:
        """A request's sampling with this preset's values for what it leaves open.

        Args:
            sampling: the request's.
            given: the fields that the request sets; None for those that differ from the defaults.

        Raises:
            Error: the preset has an unknown field or a value out of its range.
        """
        plain = Sampling()
        if given is None:
            names = [entry.name for entry in dataclasses.fields(Sampling)]
            given = [name for name in names if getattr(sampling, name) != getattr(plain, name)]
        unknown = [name for name in self.sampling if not hasattr(plain, name)]
        if unknown:
            raise Error(f"[alias] there is no parameter {unknown[0]}. Try: temperature or top_p.")
        open_ = {name: value for name, value in self.sampling.items() if name not in given}
        return dataclasses.replace(sampling, **open_) if open_ else sampling

    def messages_with(
        self, messages: Sequence[Message], instructions: str | None = None
    ) -> list[Message]:
        """A request's conversation, after this preset's turns and instructions.

        Args:
            messages: the request's.
            instructions: of the request, beside its messages.

        Returns:
            New messages. The preset's `system` is first, unless the request has instructions.
        """
        told = instructions or any(m.get("role") in INSTRUCTING for m in messages)
        opening = [{"role": "system", "content": self.system}] if self.system and not told else []
        return [*opening, *self.messages, *messages]
