"""OpenAI's Responses API.

A request goes through `asked` (its fields), `items_in` and `tools`; `history` makes messages of the
conversation, with the ids as generated where `recall` or `store` still know them. `work` follows
the turn, `writer` makes items (`output`, `calls_out`) and events of it. `background` lets it run
while nobody waits; `kept` answers for what is stored; `seal` closes reasoning that clients carry.
"""
