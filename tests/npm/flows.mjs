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

/** Has a person go to an address, and do there what is named; gives where the browser was sent in the end. */
async function person(url, act = 'allow') {
  say({ [act]: url.href });
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
async function code(as, client, auth, { ask = (params) => params, request = {}, again = () => {} } = {}) {
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
  again(send);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, {
    expectedNonce: nonce,
    requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(as, answer, insecure);
  return tokens;
}

async function userinfo(as, client, tokens, options = {}) {
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  const answer = await oauth.userInfoRequest(as, client, tokens.access_token, { ...insecure, ...options });
  return oauth.processUserInfoResponse(as, client, sub, answer);
}

async function refresh(as, client, auth, tokens, options = {}) {
  const answer = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, {
    ...insecure,
    ...options,
  });
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

  /** A request that the client pushes first. */
  async par() {
    const as = await discover('oidc');
    const client = await register(as, { require_pushed_authorization_requests: true });
    const auth = oauth.ClientSecretBasic(client.client_secret);
    const ask = (params) => push(as, client, auth, params);
    const tokens = await code(as, client, auth, { ask });
    return (await userinfo(as, client, tokens)).sub;
  },

  /** A client that proves itself with its key wherever it calls. */
  async private_key_jwt() {
    const as = await discover('oidc');
    const seen = {};
    for (const algorithm of ['ES256', 'Ed25519', 'RS256', 'PS256']) {
      const pair = await oauth.generateKeyPair(algorithm, { extractable: true });
      const key = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid: 'one' };
      const client = await register(as, {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [key] },
      });
      check(client.client_secret === undefined, 'a client with a key has no secret');
      const auth = oauth.PrivateKeyJwt({ key: pair.privateKey, kid: 'one' });
      const ask = (params) => push(as, client, auth, params);
      const first = await code(as, client, auth, { ask });
      const second = await refresh(as, client, auth, first);
      const about = await introspect(as, client, auth, second.access_token);
      check(about.active, 'a fresh token is active');
      await revoke(as, client, auth, second.access_token);
      const after = await introspect(as, client, auth, second.access_token);
      check(!after.active, 'a revoked token is not');
      seen[algorithm] = about.username;
    }
    return seen;
  },

  /** A device without a browser. */
  async device() {
    const as = await discover('oidc');
    const grant_types = ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'];
    const client = await register(as, {
      token_endpoint_auth_method: 'none',
      grant_types,
      response_types: [],
      redirect_uris: undefined,
    });
    const auth = oauth.None();
    const scope = { scope: 'openid xmpp:client:normal' };
    const asked = await oauth.deviceAuthorizationRequest(as, client, auth, scope, insecure);
    const device = await oauth.processDeviceAuthorizationResponse(as, client, asked);
    const poll = async () => {
      const answer = await oauth.deviceCodeGrantRequest(as, client, auth, device.device_code, insecure);
      return oauth.processDeviceCodeResponse(as, client, answer);
    };
    const early = await poll().catch((error) => error.error);
    check(early === 'authorization_pending', `nothing is given before a person allowed it, not ${early}`);
    await person(new URL(device.verification_uri_complete), 'connect');
    const tokens = await poll();
    const who = await userinfo(as, client, tokens);
    await refresh(as, client, auth, tokens);
    return who.sub;
  },

  /** Tokens that are bound to a key, of clients with a secret and without. */
  async dpop() {
    const as = await discover('oidc');
    const seen = {};
    for (const algorithm of ['ES256', 'RS256']) {
      for (const method of ['client_secret_basic', 'none']) {
        const client = await register(as, {
          token_endpoint_auth_method: method,
          dpop_bound_access_tokens: true,
        });
        const auth = method === 'none' ? oauth.None() : oauth.ClientSecretBasic(client.client_secret);
        const DPoP = oauth.DPoP(client, await oauth.generateKeyPair(algorithm));
        const jkt = await DPoP.calculateThumbprint();
        const ask = (params) => {
          params.set('dpop_jkt', jkt);
          return method === 'none' ? params : push(as, client, auth, params, { DPoP });
        };
        const first = await code(as, client, auth, { ask, request: { DPoP } });
        check(first.token_type === 'dpop', `the token is bound, not ${first.token_type}`);
        const who = await userinfo(as, client, first, { DPoP });
        const plain = await userinfo(as, client, first).catch((error) => error.cause);
        check(plain[0]?.parameters.error === 'invalid_token', 'a bound token is no bearer token');
        const second = await refresh(as, client, auth, first, { DPoP });
        check(second.token_type === 'dpop', 'a refresh gives a bound token');
        if (method !== 'none') {
          const about = await introspect(as, client, auth, second.access_token);
          check(about.cnf.jkt === jkt, 'introspection names the key');
        }
        await revoke(as, client, auth, second.refresh_token);
        seen[`${algorithm} ${method}`] = who.sub;
      }
    }
    return seen;
  },

  /** Tokens for services that are not XMPP, which the service verifies by itself. */
  async resources() {
    const as = await discover('oidc');
    const [files, mail] = as.protected_resources;
    const client = await register(as);
    const auth = oauth.ClientSecretBasic(client.client_secret);
    const ask = (params) => {
      params.set('scope', 'openid offline_access files:read mail');
      params.append('resource', files);
      params.append('resource', mail);
      return params;
    };
    const to = (resource) => ({ additionalParameters: { resource } });
    const first = await code(as, client, auth, { ask, request: to(files) });
    const seen = {};
    const verify = (token, audience) => {
      const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } });
      return oauth.validateJwtAccessToken(as, request, audience, insecure);
    };
    let tokens = first;
    for (const [service, other] of [[files, mail], [mail, files]]) {
      const claims = await verify(tokens.access_token, service);
      check(claims.client_id === client.client_id, 'the token says which client has it');
      seen[service] = `${claims.sub} ${claims.scope}`;
      const refused = await verify(tokens.access_token, other).catch((error) => error);
      check(refused.cause?.claim === 'aud', `a token is for one service, not ${refused}`);
      const asked = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
      const challenged = await oauth
        .processUserInfoResponse(as, client, oauth.skipSubjectCheck, asked)
        .catch((error) => error.cause);
      check(challenged[0]?.parameters.error === 'invalid_token', 'userinfo takes no other service\'s token');
      tokens = await refresh(as, client, auth, tokens, to(mail));
    }
    const unknown = await refresh(as, client, auth, tokens, to('https://unknown.example')).catch((error) => error);
    check(unknown.error === 'invalid_target', `no token for what nobody knows, but ${unknown}`);
    return seen;
  },

  /** What a client is told that does something wrong. */
  async refusals() {
    const as = await discover('oidc');
    const client = await register(as, { token_endpoint_auth_method: 'client_secret_post' });
    const wrong = oauth.ClientSecretPost(`${client.client_secret}x`);
    const told = async (promise) => {
      const error = await promise.then(() => ({ error: 'nothing' }), (error) => error);
      // beside a challenge the library leaves the body to be read
      const body = error.error ? error : await error.response.json();
      return `${error.status} ${body.error}`;
    };
    const seen = { wrong_secret: await told(code(as, client, wrong)) };
    const auth = oauth.ClientSecretPost(client.client_secret);
    let replay;
    const tokens = await code(as, client, auth, { again: (send) => (replay = send) });
    seen.replay = await told(
      replay().then((answer) => oauth.processAuthorizationCodeResponse(as, client, answer)),
    );
    seen.after_replay = await told(refresh(as, client, auth, tokens));
    return seen;
  },

  /** Logging out at the provider, by a link of the client's. */
  async logout() {
    const as = await discover('oidc');
    const back = 'http://127.0.0.1:9/bye';
    const client = await register(as, { post_logout_redirect_uris: [back] });
    const tokens = await code(as, client, oauth.ClientSecretBasic(client.client_secret));
    const url = new URL(as.end_session_endpoint);
    const state = oauth.generateRandomState();
    url.search = new URLSearchParams({
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: back,
      state,
    });
    const sent = await person(url, 'log_out');
    check(sent.href === `${back}?state=${state}`, `the person comes back to the client, not to ${sent}`);
    return client.client_id;
  },
};

/** Pushes a request; gives what the browser takes along instead. */
async function push(as, client, auth, params, options = {}) {
  const answer = await oauth.pushedAuthorizationRequest(as, client, auth, params, {
    ...insecure,
    ...options,
  });
  const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, answer);
  return new URLSearchParams({ client_id: client.client_id, request_uri });
}

try {
  say({ done: await flows[flow]() });
} catch (error) {
  say({ failed: `${error.stack ?? error}; ${JSON.stringify(error.cause ?? null)}` });
}
process.exit();
