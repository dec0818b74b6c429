// @openai/agents: an agent with a tool, over both of OpenAI's APIs.

import {
  Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, setTracingDisabled, tool,
} from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import {
  CITY, DESCRIPTION, KEY, MODEL, NAME, PERSON, SUM, URL, WEATHER, getWeather, report,
} from "./task.mjs";

setTracingDisabled(true);
const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY });
const modelSettings = { temperature: 0 };

async function work(model) {
  const runner = new Runner({ model, modelSettings });
  const streamed = await runner.run(new Agent({ name: "plain" }), SUM, { stream: true });
  const pieces = [];
  for await (const piece of streamed.toTextStream()) pieces.push(piece);
  await streamed.completed;
  const calls = [];
  const weather = tool({
    name: NAME,
    description: DESCRIPTION,
    parameters: { ...CITY, additionalProperties: true },
    strict: false,
    execute: async (args) => {
      calls.push([NAME, args]);
      return getWeather(args);
    },
  });
  const asked = await runner.run(new Agent({ name: "weather", tools: [weather] }), WEATHER);
  const Person = z.object({ name: z.string(), age: z.number().int() });
  const person = await runner.run(new Agent({ name: "person", outputType: Person }), PERSON);
  return {
    stream: { text: streamed.finalOutput, joined: pieces.join(""), pieces: pieces.length },
    tool: { calls, text: asked.finalOutput },
    structured: person.finalOutput,
  };
}

report({
  chat: await work(new OpenAIChatCompletionsModel(client, MODEL)),
  responses: await work(new OpenAIResponsesModel(client, MODEL)),
});
