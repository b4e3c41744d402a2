// Anthropic's SDKs for TypeScript against `looms emulator`: as a Bedrock client and as a client of the API.
//
// Runs beside the emulator that clients/python/typescript_sdk.py starts, with what that exports as its environment.
// Reports like clients/python/checks.py: `pass|fail<TAB>name<TAB>reason` per check.

const assert = require("node:assert");
const Anthropic = require("@anthropic-ai/sdk");
const { AnthropicBedrock } = require("@anthropic-ai/bedrock-sdk");

const QUERY = "Hello from TypeScript!";
const API_MODEL = "claude-sonnet-5";
const PROFILE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const ARN = `arn:aws:bedrock:us-west-2:111122223333:inference-profile/${PROFILE}`;

const env = process.env;

function bedrock(secret = env.AWS_SECRET_ACCESS_KEY) {
  return new AnthropicBedrock({
    baseURL: env.AWS_ENDPOINT_URL_BEDROCK_RUNTIME,
    awsAccessKey: env.AWS_ACCESS_KEY_ID,
    awsSecretKey: secret,
    awsRegion: env.AWS_REGION,
    maxRetries: 0,
  });
}

function api(apiKey = env.ANTHROPIC_API_KEY) {
  return new Anthropic({ baseURL: env.ANTHROPIC_BASE_URL, apiKey, maxRetries: 0 });
}

function request(model) {
  return { model, max_tokens: 512, messages: [{ role: "user", content: QUERY }] };
}

async function answers(client, model) {
  const message = await client.messages.create(request(model));
  assert.equal(message.stop_reason, "end_turn");
  assert.ok(message.content[0].text.includes(QUERY), message.content[0].text);
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0, JSON.stringify(message.usage));
  return message.content[0].text;
}

async function streams(client, model) {
  const pieces = [];
  const types = [];
  for await (const event of await client.messages.create({ ...request(model), stream: true })) {
    types.push(event.type);
    if (event.type === "content_block_delta") pieces.push(event.delta.text);
  }
  assert.equal(types[0], "message_start");
  assert.equal(types.at(-1), "message_stop");
  assert.ok(pieces.length > 1, `${pieces.length} pieces`);
  return pieces.join("");
}

const checks = {
  "bedrock create answers": () => answers(bedrock(), PROFILE),
  "bedrock takes an arn": async () => assert.ok((await answers(bedrock(), ARN)).includes(ARN)),
  "bedrock stream gives the same message": async () =>
    assert.equal(await streams(bedrock(), PROFILE), await answers(bedrock(), PROFILE)),
  "bedrock refuses a wrong secret": async () => {
    const refused = (error) => error instanceof Anthropic.PermissionDeniedError && /signature/.test(error.message);
    await assert.rejects(answers(bedrock("wrong"), PROFILE), refused);
  },
  "the api create answers": () => answers(api(), API_MODEL),
  "the api stream gives the same message": async () =>
    assert.equal(await streams(api(), API_MODEL), await answers(api(), API_MODEL)),
  "the api refuses a wrong key": async () => {
    await answers(api(), API_MODEL);
    await assert.rejects(answers(api("wrong"), API_MODEL), Anthropic.AuthenticationError);
  },
};

async function run() {
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`pass\t${name}\t`);
    } catch (error) {
      console.log(`fail\t${name}\t${String(error).replace(/\s+/g, " ").slice(0, 400)}`);
      console.error(error);
    }
  }
}

run();
