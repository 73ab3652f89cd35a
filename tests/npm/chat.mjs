// A chat client on StanzaJS: logs in over WebSocket or BOSH with a token, reads the roster, stays until it is
// thrown out, and says what it saw, a line of JSON each.
//
//     node chat.mjs FOLDER ADDRESS JID TOKEN
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, address, jid, token] = process.argv.slice(2);
const { createClient } = createRequire(join(folder, 'package.json'))('stanza');

const client = createClient({
  jid,
  transports: address.startsWith('ws') ? { websocket: address, bosh: false } : { websocket: false, bosh: address },
  autoReconnect: false,
  credentials: { token },
});
for (const other of ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1', 'DIGEST-MD5', 'PLAIN']) {
  client.sasl.disable(other);
}

function say(seen) {
  console.log(JSON.stringify(seen));
}

function end(seen) {
  say(seen);
  process.exit(0);
}

// A server that closes the stream before the connection may find the library writing to its own ended stream.
process.on('uncaughtException', (error) =>
  end(error.code === 'ERR_STREAM_PUSH_AFTER_EOF' ? { disconnected: true } : { crashed: String(error) }),
);
client.on('session:started', async () => {
  const roster = await client.getRoster();
  say({ jid: client.jid, contacts: roster.items.length });
});
client.on('auth:failed', () => end({ failed: true }));
client.on('disconnected', () => end({ disconnected: true }));
client.connect();
