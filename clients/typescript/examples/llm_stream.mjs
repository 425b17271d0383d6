// An LLM call that streams, whose tokens are known at its end: reserve the most it can come to, commit what it did.
//
//     MODEL_URL=https://api.example.com/v1/chat/completions MODEL_KEY=… AVS_UNIT=vu_token \
//       node examples/llm_stream.mjs cust_2001 "Tell me a story"
//
// The endpoint speaks the protocol that most providers do: server-sent events with pieces of text, and a last one with
// `usage`. A call that breaks off has used what came until then.
import { clientFromEnvironment, UNIT } from "./from_environment.mjs";

const MOST_TOKENS = Number(process.env.MOST_TOKENS ?? 500);
const MODELS = { throttle: "small", degrade_quality: "small" };

/** Calls `onText` with each piece; answers how many tokens were used. Throws what the decision says where it refuses. */
async function meteredCall(client, customerId, prompt, onText) {
  const reservation = await client.reserve(customerId, UNIT, MOST_TOKENS);
  const { allow, action, reasonCode } = reservation.decision;
  if (!allow) {
    throw new Error(`refused: ${reasonCode}`);
  }
  const count = { tokens: 0 };
  try {
    await streamed(MODELS[action] ?? "large", prompt, count, onText);
  } finally {
    await (count.tokens > 0 ? client.commit(reservation, count.tokens) : client.release(reservation));
  }
  return count.tokens;
}

/** `count.tokens` are the pieces that came, until the provider says how many tokens it were. */
async function streamed(model, prompt, count, onText) {
  for await (const data of eventsOf(await asked(model, prompt))) {
    const { choices = [], usage } = JSON.parse(data);
    const text = choices[0]?.delta?.content ?? "";
    if (text !== "") {
      count.tokens += 1;
      onText(text);
    }
    count.tokens = usage?.total_tokens ?? count.tokens;
  }
}

async function asked(model, prompt) {
  const answer = await fetch(process.env.MODEL_URL, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${process.env.MODEL_KEY}` },
    body: JSON.stringify({
      model,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: MOST_TOKENS,
      messages: [{ role: "user", content: prompt }],
    }),
  });
  if (!answer.ok) {
    throw new Error(`The model answered ${answer.status}`);
  }
  return answer.body;
}

/** The data of server-sent events, up to the end that the protocol has for them. */
async function* eventsOf(body) {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines.filter((one) => one.startsWith("data: ") && one !== "data: [DONE]")) {
      yield line.slice("data: ".length);
    }
  }
}

async function main(customerId, prompt) {
  const client = clientFromEnvironment();
  await client.waitUntilLoaded(10);
  try {
    const tokens = await meteredCall(client, customerId, prompt, (text) => process.stdout.write(text));
    console.log(`\n${tokens} tokens`);
  } catch (problem) {
    console.log(`\n${problem.message}`);
  }
  const { used, reserved } = (await client.usage(customerId)).units.get(UNIT);
  console.log(`used: ${used}, reserved: ${reserved}`);
  await client.close();
}

await main(...process.argv.slice(2));
