// ai (the AI SDK): @ai-sdk/openai-compatible and ollama-ai-provider-v2.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { createOllama } from "ollama-ai-provider-v2";
import {
  CITY, DESCRIPTION, KEY, MODEL, PERSON, PERSON_SCHEMA, SUM, URL, WEATHER, getWeather, report,
} from "./task.mjs";

const schema = jsonSchema(PERSON_SCHEMA);

async function work(model) {
  const pieces = [];
  const thoughts = [];
  const providerOptions = { ollama: { think: true } };
  const streamed = streamText({ model, prompt: SUM, temperature: 0, providerOptions });
  for await (const part of streamed.fullStream) {
    if (part.type === "error") throw part.error;
    if (part.type === "text-delta") pieces.push(part.text);
    if (part.type === "reasoning-delta") thoughts.push(part.text);
  }
  const asked = await generateText({
    model,
    prompt: WEATHER,
    temperature: 0,
    stopWhen: stepCountIs(3),
    tools: {
      get_weather: tool({
        description: DESCRIPTION,
        inputSchema: jsonSchema(CITY),
        execute: async (args) => getWeather(args),
      }),
    },
  });
  const calls = asked.steps.flatMap((step) => step.toolCalls);
  const person = await generateText({
    model, prompt: PERSON, temperature: 0, output: Output.object({ schema }),
  });
  return {
    stream: { text: pieces.join(""), pieces: pieces.length, reasoning: thoughts.join("") },
    tool: { calls: calls.map((call) => [call.toolName, call.input]), text: asked.text },
    structured: person.output,
  };
}

const compatible = createOpenAICompatible({
  name: "local", baseURL: `${URL}/v1`, apiKey: KEY, supportsStructuredOutputs: true,
});
const ollama = createOllama({ baseURL: `${URL}/api` });
report({ compatible: await work(compatible(MODEL)), ollama: await work(ollama(MODEL)) });
