// @anthropic-ai/sdk: the Messages API.

import Anthropic from "@anthropic-ai/sdk";
import {
  CITY, DESCRIPTION, KEY, MODEL, NAME, PERSON, PERSON_SCHEMA, SUM, URL, WEATHER, getWeather,
  report,
} from "./task.mjs";

const client = new Anthropic({ baseURL: URL, apiKey: KEY });
const settings = { model: MODEL, max_tokens: 500, temperature: 0 };
const textOf = (message) =>
  message.content.filter(({ type }) => type === "text").map(({ text }) => text).join("");

const pieces = [];
const stream = client.messages.stream({
  ...settings, messages: [{ role: "user", content: SUM }],
});
stream.on("text", (text) => pieces.push(text));
const final = await stream.finalMessage();

const tools = [{ name: NAME, description: DESCRIPTION, input_schema: CITY }];
const messages = [{ role: "user", content: WEATHER }];
const first = await client.messages.create({ ...settings, messages, tools });
const asked = first.content.filter(({ type }) => type === "tool_use");
messages.push({ role: "assistant", content: first.content });
messages.push({
  role: "user",
  content: asked.map(({ id, input }) => ({
    type: "tool_result", tool_use_id: id, content: getWeather(input),
  })),
});
const second = await client.messages.create({ ...settings, messages, tools });
const person = await client.messages.create({
  ...settings,
  messages: [{ role: "user", content: PERSON }],
  output_config: { format: { type: "json_schema", schema: PERSON_SCHEMA } },
});

report({
  stream: { text: textOf(final), joined: pieces.join(""), pieces: pieces.length },
  tool: { calls: asked.map(({ name, input }) => [name, input]), text: textOf(second) },
  structured: JSON.parse(textOf(person)),
});
