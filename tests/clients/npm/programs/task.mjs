// What every JavaScript client is asked to do, and how a program says what came of it.

export const URL = process.env.SERVER_URL;
export const MODEL = process.env.SERVER_MODEL;
export const KEY = "any";

export const SUM = "What is 27 + 15?";
export const WEATHER = "What is the weather in Paris?";
export const PERSON = "Return Anna, aged 33, as JSON.";

export const NAME = "get_weather";
export const DESCRIPTION = "Gets the current weather for a city.";
export const CITY = {
  type: "object",
  properties: { city: { type: "string", description: "The name of the city." } },
  required: ["city"],
};
export const PERSON_SCHEMA = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false,
};

export const getWeather = ({ city }) =>
  JSON.stringify({ city, temperature: 21, condition: "sunny" });

export const report = (found) => console.log(JSON.stringify(found));
