// openai: Chat Completions and Responses.

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import {
  CITY, DESCRIPTION, KEY, MODEL, NAME, PERSON, SUM, URL, WEATHER, getWeather, report,
} from "./task.mjs";

const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY });
const Person = z.object({ name: z.string(), age: z.number().int() });

async function chat() {
  const pieces = [];
  const stream = await client.chat.completions.create({
    model: MODEL,
    messages: [{ role: "user", content: SUM }],
    temperature: 0,
    stream: true,
  });
  for await (const chunk of stream) {
    const text = chunk.choices[0]?.delta?.content;
    if (text) pieces.push(text);
  }
  const calls = [];
  const runner = client.chat.completions.runTools({
    model: MODEL,
    messages: [{ role: "user", content: WEATHER }],
    temperature: 0,
    stream: true,
    tools: [
      {
        type: "function",
        function: {
          name: NAME,
          description: DESCRIPTION,
          parameters: CITY,
          parse: JSON.parse,
          function: (args) => {
            calls.push([NAME, args]);
            return getWeather(args);
          },
        },
      },
    ],
  });
  const text = await runner.finalContent();
  const parsed = await client.chat.completions.parse({
    model: MODEL,
    messages: [{ role: "user", content: PERSON }],
    temperature: 0,
    response_format: zodResponseFormat(Person, "person"),
  });
  return {
    stream: { text: pieces.join(""), pieces: pieces.length },
    tool: { calls, text },
    structured: parsed.choices[0].message.parsed,
  };
}

async function responses() {
  const pieces = [];
  const stream = client.responses.stream({ model: MODEL, input: SUM, temperature: 0 });
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") pieces.push(event.delta);
  }
  const joined = pieces.join("");
  const final = await stream.finalResponse();
  const tools = [
    { type: "function", name: NAME, description: DESCRIPTION, parameters: CITY, strict: false },
  ];
  const first = await client.responses.create({
    model: MODEL, input: WEATHER, tools, temperature: 0,
  });
  const asked = first.output.filter((item) => item.type === "function_call");
  const second = await client.responses.create({
    model: MODEL,
    previous_response_id: first.id,
    input: asked.map((item) => ({
      type: "function_call_output",
      call_id: item.call_id,
      output: getWeather(JSON.parse(item.arguments)),
    })),
    tools,
    temperature: 0,
  });
  const parsed = await client.responses.parse({
    model: MODEL,
    input: PERSON,
    temperature: 0,
    text: { format: zodTextFormat(Person, "person") },
  });
  return {
    stream: { text: final.output_text, joined, pieces: pieces.length },
    tool: { calls: asked.map((item) => [item.name, item.arguments]), text: second.output_text },
    structured: parsed.output_parsed,
  };
}

report({ chat: await chat(), responses: await responses() });
