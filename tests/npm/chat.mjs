// A chat client on StanzaJS: logs in over WebSocket with a token, reads the roster, and says what it saw in a
// line of JSON.
//
//     node chat.mjs FOLDER WEBSOCKET JID TOKEN
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, websocket, jid, token] = process.argv.slice(2);
const { createClient } = createRequire(join(folder, 'package.json'))('stanza');

const client = createClient({
  jid,
  transports: { websocket, bosh: false },
  autoReconnect: false,
  credentials: { token },
});
for (const other of ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1', 'DIGEST-MD5', 'PLAIN']) {
  client.sasl.disable(other);
}

function end(seen) {
  console.log(JSON.stringify(seen));
  process.exit(0);
}

client.on('session:started', async () => {
  const roster = await client.getRoster();
  end({ jid: client.jid, contacts: roster.items.length });
});
client.on('auth:failed', () => end({ failed: true }));
client.on('disconnected', () => end({ disconnected: true }));
client.connect();
