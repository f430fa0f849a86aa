// The published npm client `mezon-sdk` 2.8.33, unchanged, against the simulator.
//
// Usage: node npm_client.js READY_LINE, from a directory with its node_modules that may be written to.
// Prints one line per check and `N passed, N failed`; exits with 1 if a check failed.

"use strict";

const { createRequire } = require("node:module");
const { MezonClient, Events } = createRequire(process.cwd() + "/")("mezon-sdk");

const BOT = "1000000000000000001", KEY = "sim-mezon-key";
const CLAN = "2000000000000000001", GENERAL = "3000000000000000001";
const ALICE = "4000000000000000001", BOB = "4000000000000000002", NEXT_DM = "5000000000000000002";
const READY = JSON.parse(process.argv[2]);
const WAIT = 20_000;
let passed = 0, failed = 0;

function check(name, condition, detail) {
  condition ? passed++ : failed++;
  console.log(`${condition ? "ok      " : "FAILED  "}${name}${condition ? "" : `: ${JSON.stringify(detail)}`}`);
}

async function control(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(READY.control + path, options);
  return answer.json();
}

async function frames(field, direction, since) {
  const rows = await control(`/mezon/journal?since=${since}`);
  return rows.filter((row) => row.kind === "ws" && row.direction === direction && field in row.body).map((row) => row.body[field]);
}

async function last() {
  return (await control("/health")).platforms.mezon.journal;
}

/** Waits until `find` returns something. */
async function until(what, find) {
  const end = Date.now() + WAIT;
  while (Date.now() < end) {
    const found = await find();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}

async function main() {
  const url = new URL(READY.mezon);
  const client = new MezonClient({ botId: BOT, token: KEY, host: url.hostname, port: url.port, useSSL: false, mmnApiUrl: "", zkApiUrl: "" });
  const messages = [], events = [];
  client.onChannelMessage((message) => void messages.push(message));
  client.onGiveCoffee((event) => void events.push(event));
  const message = (fits) => until("a message", () => messages.find(fits));

  const session = JSON.parse(await client.login());
  check("login", session.user_id === BOT && session.api_url === READY.mezon && !session.id_token, session);
  const joined = (await frames("clan_join", "in", 0)).map((frame) => frame.clan_id);
  check("both clans are joined", joined.includes(CLAN) && joined.includes("0"), joined);

  let text = 'hé "quoted" 👋';
  let answer = await control("/mezon/say", { from: "alice", channel: "general", text });
  check("say is delivered", answer.delivered === 1, answer);
  const question = await message((found) => found.message_id === answer.message_id);
  check("the text survives", question.content.t === text, question);
  check("lists are lists", [question.mentions, question.attachments, question.reactions, question.references].every(Array.isArray), question);
  check("code and names", question.code === 0 && question.username === "alice" && question.display_name === "Alice", question);

  let since = await last();
  const channel = await client.channels.fetch(GENERAL);
  const ack = await channel.send({ t: "Hello 👋" });
  const own = await message((found) => found.sender_id === BOT && found.content.t === "Hello 👋");
  check("send is acknowledged", ack.message_id === own.message_id && ack.code === 0 && ack.persistent === true, ack);
  check("the journal has the message", (await frames("channel_message_send", "in", since))[0].content === '{"t":"Hello 👋"}');

  since = await last();
  const cached = await channel.messages.fetch(question.message_id);
  await cached.reply({ t: "pong" });
  const reply = await message((found) => found.content.t === "pong");
  check("reply quotes the message", reply.references[0].message_ref_id === question.message_id && reply.references[0].message_sender_username === "Alice", reply.references);

  const mine = await channel.messages.fetch(own.message_id);
  check("update", (await mine.update({ t: "changed" })).code === 1 && (await message((found) => found.code === 1)).content.t === "changed");
  const reaction = await mine.react({ emoji_id: "4", emoji: ":ok:", count: 1 });
  check("react", reaction.sender_id === BOT && reaction.id !== "" && reaction.emoji === ":ok:", reaction);
  check("delete", (await mine.delete()).code === 2 && (await message((found) => found.code === 2)).message_id === own.message_id);
  const whisper = await channel.sendEphemeral(ALICE, { t: "psst" });
  check("ephemeral", whisper.code.value === 12 || whisper.code === 12, whisper);

  const bob = await client.users.fetch(BOB);
  const direct = await bob.sendDM({ t: "direct" });
  check("a new DM", direct.channel_id === NEXT_DM, direct);
  const clan = client.clans.get(CLAN);
  const voices = await clan.listChannelVoiceUsers();
  check("voice users", voices.voice_channel_users[0].id === "sim-voice-1" && voices.voice_channel_users[0].participant === "alice", voices);
  const roles = await clan.listRoles();
  check("roles", roles.roles.roles[0].title === "crew", roles);
  await client.addFriend("bob");
  const friends = await client.getListFriends();
  check("friends", friends.friends.map((row) => `${row.user.username} ${row.state}`).join() === "alice 0,bob 1", friends);

  await control("/mezon/emit", { event: Events.GiveCoffee, data: { sender_id: ALICE, receiver_id: BOT, token_count: 3 } });
  const coffee = await until("an event", () => events[0]);
  check("an event arrives", coffee.sender_id === ALICE && coffee.token_count === 3, coffee);

  const cases = {
    [Events.MessageButtonClicked]: { channel_id: GENERAL, button_id: "yes", user_id: ALICE },
    [Events.VoiceJoinedEvent]: { clan_id: CLAN, user_id: ALICE, participant: "alice" },
    [Events.MessageReaction]: { id: "1", emoji: ":ok:", sender_id: ALICE, count: 1 },
    [Events.RoleAssign]: { ClanId: CLAN },
    [Events.TokenSend]: { sender_id: ALICE, receiver_id: BOT, amount: 3 },
  };
  for (const [name, data] of Object.entries(cases)) {
    if (name === "undefined") continue;
    const heard = [];
    client.on(name, (event) => void heard.push(event));
    const emitted = await control("/mezon/emit", { event: name, data });
    await until(name, () => heard[0]);
    check(`${name} arrives`, emitted.delivered === 1, emitted);
  }

  since = await last();
  await control("/mezon/fault", { kind: "disconnect" });
  await until("the client to join again", async () => (await frames("clan_join", "in", since)).length >= 2);
  // the client loses events until it has joined everything, so somebody says it again and again
  await until("a message", async () => {
    await control("/mezon/say", { from: "bob", channel: "general", text: "again" });
    return messages.find((found) => found.content.t === "again");
  });
  check("messages arrive after a reconnect", true);
  client.closeSocket();
}

main()
  .catch((error) => {
    failed++;
    console.error(error);
  })
  .finally(() => {
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed ? 1 : 0);
  });
