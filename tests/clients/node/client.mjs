// client.mjs -- the official OpenAI SDK for JavaScript against a gateway.
// SPDX-License-Identifier: Apache-2.0
//
// The SDK is unmodified: only its base URL and its key are given. Environment
// as for python/client.py. Prints a line a check.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { VERSION } from 'openai/version';
import { z } from 'zod';

const env = process.env;
const LOCAL = env.LOCAL;
const MODEL = LOCAL || 'up/small';
const checks = [];

// What a gateway before an upstream does.
function check(name, run) {
  if (!LOCAL) checks.push({ name, run });
}

// What holds whoever answers.
function everywhere(name, run) {
  checks.push({ name, run });
}

// What a small model needs to be told.
function usual(more = {}) {
  if (!LOCAL) return more;
  return {
    temperature: 0, max_tokens: 100,
    ...(more.tools ? { tool_choice: 'required' } : {}), ...more,
  };
}

function client(more = {}) {
  return new OpenAI({
    baseURL: env.BASE_URL, apiKey: env.KEY, maxRetries: 0, timeout: 20000,
    ...more,
  });
}

function user(text) {
  return [{ role: 'user', content: text }];
}

function ask(text = 'Hello', more = {}, one = client()) {
  return one.chat.completions.create(
    { model: MODEL, messages: user(text), ...usual(more) });
}

async function script(directives, times = 1, model = 'small-1') {
  const answer = await fetch(`${env.CONTROL}/script`, {
    method: 'POST', body: JSON.stringify({ model, times, directives }),
  });
  assert.equal(answer.status, 200);
}

async function raises(kind, call, status) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.constructor, kind,
      `${error.constructor.name}: ${error.message}`);
    if (status) assert.equal(error.status, status);
    return error;
  }
  assert.fail(`no ${kind.name}`);
}

const WEATHER = {
  type: 'function',
  function: {
    name: 'weather',
    parameters: {
      type: 'object', additionalProperties: false,
      properties: { place: { type: 'string' }, days: { type: 'integer' } },
      required: ['place', 'days'],
    },
  },
};

everywhere('chat gives text and usage', async () => {
  const answer = await ask();
  assert.ok(answer.choices[0].message.content);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.ok(answer.usage.prompt_tokens > 0);
});

check('headers carry the request and its cost', async () => {
  const { data, response } = await ask('Hello', { model: 'auto' })
    .withResponse();
  assert.equal(response.headers.get('x-sluice-model'), MODEL);
  assert.ok(Number(response.headers.get('x-sluice-cost-usd')) > 0);
  assert.ok(data.choices[0].message.content);
});

everywhere('a stream gives text in parts', async () => {
  let text = '';
  let last;
  for await (const chunk of await ask('Tell me of the sea',
    { stream: true })) {
    assert.equal(chunk.choices.length, 1);
    assert.ok(!chunk.usage);
    text += chunk.choices[0].delta.content ?? '';
    last = chunk;
  }
  assert.ok(text.split(' ').length > 3, text);
  assert.ok((LOCAL ? ['stop', 'length'] : ['stop']).includes(
    last.choices[0].finish_reason));
});

everywhere('a stream gives usage when asked', async () => {
  const chunks = [];
  const options = { include_usage: true };
  for await (const chunk of await ask('x',
    { stream: true, stream_options: options })) chunks.push(chunk);
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
  assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
});

everywhere('tools are called', async () => {
  const answer = await ask('Use the tool: weather?', { tools: [WEATHER] });
  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(answer.choices[0].finish_reason, 'tool_calls');
  assert.equal(call.function.name, 'weather');
  assert.equal(typeof JSON.parse(call.function.arguments).days, 'number');
  const after = await client().chat.completions.create({
    model: MODEL, tools: [WEATHER], max_tokens: 40, messages: [
      ...user('Use the tool: weather?'), answer.choices[0].message,
      { role: 'tool', tool_call_id: call.id, content: 'rain' }],
  });
  assert.ok(after.choices[0].message.content);
});

everywhere('tools are called in streams', async () => {
  let text = '';
  for await (const chunk of await ask('Use the tool: weather?',
    { tools: [WEATHER], stream: true })) {
    for (const call of chunk.choices[0].delta.tool_calls ?? []) {
      text += call.function.arguments ?? '';
    }
  }
  assert.equal(typeof JSON.parse(text).place, 'string');
});

everywhere('the streaming helper accumulates', async () => {
  const stream = client().chat.completions.stream(
    { model: MODEL, messages: user('Hello there'), ...usual() });
  const final = await stream.finalChatCompletion();
  assert.ok(final.choices[0].message.content);
});

check('the tool runner runs tools', async () => {
  let asked = 0;
  const runner = client().chat.completions.runTools({
    model: MODEL, messages: user('Use the tool: weather?'), tools: [{
      type: 'function',
      function: {
        ...WEATHER.function, parse: JSON.parse,
        function: () => { asked += 1; return 'rain'; },
      },
    }],
  });
  assert.ok(await runner.finalContent());
  assert.equal(asked, 1);
});

everywhere('JSON mode gives JSON', async () => {
  const answer = await ask('Give me {"color": "red"} as it is.',
    { response_format: { type: 'json_object' } });
  assert.equal(typeof JSON.parse(answer.choices[0].message.content), 'object');
});

everywhere('the parse helper gives an object', async () => {
  const Person = z.object(
    { name: z.string(), age: z.number().int(), tags: z.array(z.string()) });
  const answer = await client().chat.completions.parse({
    model: MODEL, messages: user('Who?'),
    response_format: zodResponseFormat(Person, 'person'), ...usual(),
  });
  Person.parse(answer.choices[0].message.parsed);
});

everywhere('completions work', async () => {
  const answer = await client().completions.create(
    { model: MODEL, prompt: 'Once' });
  assert.ok(answer.choices[0].text);
});

check('embeddings come as base64 and as floats', async () => {
  const input = ['a', 'b'];
  const one = await client().embeddings.create({ model: 'up/embed', input });
  const other = await client().embeddings.create(
    { model: 'up/embed', input, encoding_format: 'float' });
  const [left, right] = [one.data[0].embedding, other.data[0].embedding];
  assert.equal(left.length, right.length);
  left.forEach((value, i) => assert.ok(Math.abs(value - right[i]) < 1e-6));
});

check('models are listed and retrieved', async () => {
  const ids = [];
  for await (const model of client().models.list()) ids.push(model.id);
  assert.ok(ids.includes(MODEL) && ids.includes('auto'), ids.join());
  assert.equal((await client().models.retrieve(MODEL)).id, MODEL);
  await raises(OpenAI.NotFoundError,
    () => client().models.retrieve('no/such'), 404);
});

check('every status has its class', async () => {
  for (const [status, kind] of [[400, OpenAI.BadRequestError],
    [404, OpenAI.NotFoundError], [409, OpenAI.ConflictError],
    [422, OpenAI.UnprocessableEntityError], [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError], [503, OpenAI.InternalServerError]]) {
    for (const stream of [false, true]) {
      await raises(kind, () => ask(`x [[status=${status}]]`, { stream }),
        status);
    }
  }
});

everywhere('a wrong key is 401', async () => {
  const error = await raises(OpenAI.AuthenticationError,
    () => ask('x', {}, client({ apiKey: 'sk-wrong' })), 401);
  assert.equal(error.code, 'invalid_api_key');
});

check('a model that is not allowed is 403', async () => {
  const error = await raises(OpenAI.PermissionDeniedError,
    () => ask('x', { model: 'up/large' },
      client({ apiKey: env.NARROW_KEY })), 403);
  assert.equal(error.code, 'model_not_allowed');
});

check('an unknown model is 404 with near names', async () => {
  const error = await raises(OpenAI.NotFoundError,
    () => ask('x', { model: 'up/smaall' }), 404);
  assert.ok(error.message.includes('up/small'), error.message);
});

check('no connection is a connection error', () => raises(
  OpenAI.APIConnectionError,
  () => ask('x', {}, client({ baseURL: env.DEAD_URL }))));

check('a timeout is a timeout', () => raises(
  OpenAI.APIConnectionTimeoutError,
  () => ask('x [[delay=5000]]', {}, client({ timeout: 500 }))));

check('retries reach a good answer', async () => {
  await script('status=429 retry_after=0');
  await script('status=500');
  const answer = await ask('again', {}, client({ maxRetries: 3 }));
  assert.ok(answer.choices[0].message.content);
});

check('a cut stream is an error', async () => {
  let seen = 0;
  const read = async () => {
    for await (const chunk of await ask('x [[tokens=8 cut_event=5]]',
      { stream: true })) seen += chunk ? 1 : 0;
  };
  await assert.rejects(read, (error) => error instanceof OpenAI.APIError);
  assert.ok(seen > 0);
});

async function countGone() {
  const answer = await fetch(`${env.ADMIN}/api/requests?limit=500`);
  const { requests } = await answer.json();
  return requests.filter((row) => row.outcome === 'client_gone').length;
}

everywhere('a stream may be aborted in its middle', async () => {
  const before = await countGone();
  const stream = await ask('x [[tokens=500 pace=20]]',
    { stream: true, ...(LOCAL ? { max_tokens: 2000 } : {}) });
  let seen = 0;
  for await (const chunk of stream) {
    seen += chunk ? 1 : 0;
    if (seen === 3) stream.controller.abort();
  }
  const deadline = Date.now() + 5000;
  while (await countGone() === before) {
    assert.ok(Date.now() < deadline, 'nobody noticed');
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  assert.ok((await ask()).choices[0].message.content);
});

everywhere('many at once', async () => {
  const texts = await Promise.all(Array.from({ length: 30 }, async (_, i) => {
    const answer = await ask(`number ${i}`, LOCAL ? { max_tokens: 8 } : {});
    return answer.choices[0].message.content;
  }));
  assert.equal(texts.filter(Boolean).length, 30);
});

let failed = 0;
for (const { name, run } of checks) {
  if (process.argv[2] && !name.includes(process.argv[2])) continue;
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error.stack ?? error}`);
  }
}
console.log(`openai ${VERSION}: ${checks.length} checks, ${failed} failed`);
process.exit(failed ? 1 : 0);
