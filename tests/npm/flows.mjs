// A client library that others wrote, taken through what it knows: node flows.mjs FOLDER ISSUER FLOW.
// What only a person can do is written to standard output, one JSON object a line, and what came of it is
// read from standard input. The last line says what was seen.
import { createInterface } from 'node:readline';

const [folder, issuerText, flow] = process.argv.slice(2);
const oauth = await import(`${folder}/node_modules/oauth4webapi/build/index.js`);
const issuer = new URL(issuerText);
const insecure = { [oauth.allowInsecureRequests]: true };
const redirectUri = 'http://127.0.0.1:9/callback';
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

/** Has a person go to an address; gives where the browser was sent in the end. */
async function person(url) {
  say({ open: url.href });
  const { value } = await lines.next();
  return new URL(value);
}

function check(holds, what) {
  if (!holds) throw new Error(`it should be so that ${what}`);
}

async function discover(algorithm) {
  const answer = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
  return oauth.processDiscoveryResponse(issuer, answer);
}

async function register(as, more = {}) {
  const metadata = {
    client_name: 'A client that others wrote',
    application_type: 'native',
    redirect_uris: [redirectUri],
    ...more,
  };
  const answer = await oauth.dynamicClientRegistrationRequest(as, metadata, insecure);
  return oauth.processDynamicClientRegistrationResponse(answer);
}

/** The code flow with PKCE, state and nonce, from the request to checked tokens. */
async function code(as, client, auth, { ask = (params) => params, request = {} } = {}) {
  const [verifier, state, nonce] = [
    oauth.generateRandomCodeVerifier(),
    oauth.generateRandomState(),
    oauth.generateRandomNonce(),
  ];
  const asked = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid offline_access xmpp:client:normal',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  const url = new URL(as.authorization_endpoint);
  url.search = await ask(asked);
  const told = oauth.validateAuthResponse(as, client, await person(url), state);
  const send = () =>
    oauth.authorizationCodeGrantRequest(as, client, auth, told, redirectUri, verifier, {
      ...insecure,
      ...request,
    });
  const answer = await send();
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, {
    expectedNonce: nonce,
    requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(as, answer, insecure);
  return tokens;
}

async function userinfo(as, client, tokens) {
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  const answer = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
  return oauth.processUserInfoResponse(as, client, sub, answer);
}

async function refresh(as, client, auth, tokens) {
  const answer = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, insecure);
  return oauth.processRefreshTokenResponse(as, client, answer);
}

async function introspect(as, client, auth, token) {
  const answer = await oauth.introspectionRequest(as, client, auth, token, insecure);
  return oauth.processIntrospectionResponse(as, client, answer);
}

async function revoke(as, client, auth, token) {
  const answer = await oauth.revocationRequest(as, client, auth, token, insecure);
  return oauth.processRevocationResponse(answer);
}

const flows = {
  /** From discovery to revocation, with each way in which a client may prove itself by its secret. */
  async code() {
    const as = await discover('oidc');
    const same = await discover('oauth2');
    check(same.token_endpoint === as.token_endpoint, 'both documents name one token endpoint');
    const seen = {};
    for (const method of ['client_secret_basic', 'client_secret_post', 'none']) {
      const client = await register(as, { token_endpoint_auth_method: method });
      const auth = {
        client_secret_basic: () => oauth.ClientSecretBasic(client.client_secret),
        client_secret_post: () => oauth.ClientSecretPost(client.client_secret),
        none: () => oauth.None(),
      }[method]();
      const first = await code(as, client, auth);
      const who = await userinfo(as, client, first);
      const second = await refresh(as, client, auth, first);
      check(second.access_token !== first.access_token, 'a refresh gives another token');
      if (method !== 'none') {
        const about = await introspect(as, client, auth, second.access_token);
        check(about.active && about.username === 'alice@localhost', 'an active token says whose it is');
      }
      await revoke(as, client, auth, second.refresh_token);
      if (method !== 'none') {
        const about = await introspect(as, client, auth, second.access_token);
        check(!about.active, 'a revoked grant has no active token');
      }
      seen[method] = who.sub;
    }
    return seen;
  },
};

try {
  say({ done: await flows[flow]() });
} catch (error) {
  say({ failed: `${error.stack ?? error}; ${JSON.stringify(error.cause ?? null)}` });
}
process.exit();
