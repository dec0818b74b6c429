// ollama: its native API.

import { Ollama } from "ollama";
import {
  CITY, DESCRIPTION, MODEL, NAME, PERSON, PERSON_SCHEMA, SUM, URL, WEATHER, getWeather, report,
} from "./task.mjs";

const client = new Ollama({ host: URL });
const settings = { model: MODEL, options: { temperature: 0 } };

const pieces = [];
let thinking = "";
const stream = await client.chat({
  ...settings, messages: [{ role: "user", content: SUM }], stream: true, think: "low",
});
for await (const part of stream) {
  if (part.message.content) pieces.push(part.message.content);
  thinking += part.message.thinking ?? "";
}

const tools = [
  { type: "function", function: { name: NAME, description: DESCRIPTION, parameters: CITY } },
];
const messages = [{ role: "user", content: WEATHER }];
const first = await client.chat({ ...settings, messages, tools });
const calls = first.message.tool_calls.map(({ function: f }) => [f.name, f.arguments]);
messages.push(first.message);
for (const [name, args] of calls) {
  messages.push({ role: "tool", tool_name: name, content: getWeather(args) });
}
const second = await client.chat({ ...settings, messages, tools });
const person = await client.chat({
  ...settings, messages: [{ role: "user", content: PERSON }], format: PERSON_SCHEMA,
});

report({
  stream: { text: pieces.join(""), pieces: pieces.length, reasoning: thinking },
  tool: { calls, text: second.message.content },
  structured: JSON.parse(person.message.content),
  listed: (await client.list()).models.map(({ model }) => model),
});
