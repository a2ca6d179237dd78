// An OpenID provider that we did not write: oidc-provider (certified) with invented persons, on a free port of loopback.
//
//   node provider.mjs '{"clients": [...], "people": {"<login>": {<claim>: <value>}}}'
//
// `clients` are registered as RFC 7591 says; every claim of `people` comes with the scope openid, at userinfo. The first line
// printed is {"issuer": ...}. Beside the provider's own addresses there are two orders of the proof:
//   POST /_order/rotate   a new signing key, the old one still published;  ?drop=1: not any more
//   GET  /_order/counts   how often each address was asked
import http from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const { clients, people } = JSON.parse(process.argv[2]);
const counts = {};
let keys = [];
let handle;

async function newKey() {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: `key-${Date.now()}-${keys.length}` };
}

function provider(issuer) {
  const names = [...new Set(Object.values(people).flatMap(Object.keys))];
  const made = new Provider(issuer, {
    clients,
    jwks: { keys },
    claims: { openid: ['sub', ...names], sid: null, auth_time: null, iss: null },
    findAccount: (_context, login) => people[login] && { accountId: login, claims: async () => ({ sub: login, ...people[login] }) },
    features: {
      backchannelLogout: { enabled: true },
      dPoP: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    pkce: { required: () => true },
    cookies: { keys: ['only-for-the-proof'] },
    acrValues: ['LoA1', 'LoA2'],
    // The back channel of the proof ends on loopback, where the provider's own dispatcher refuses to go.
    fetch: (url, { dispatcher: _guarded, ...options }) => fetch(url, options),
  });
  made.on('server_error', (_context, error) => console.error(error));
  made.on('grant.error', (_context, error) => console.error(error.message, error.error_detail ?? ''));
  made.on('backchannel.error', (_context, error) => console.error(error.message));
  return made.callback();
}

const server = http.createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://loopback');
  if (pathname === '/_order/rotate') {
    keys = [await newKey(), ...(searchParams.get('drop') ? [] : keys)];
    handle = provider(issuer());
    return response.end();
  }
  if (pathname === '/_order/counts') {
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify(counts));
  }
  counts[pathname] = (counts[pathname] ?? 0) + 1;
  return handle(request, response);
});
const issuer = () => `http://127.0.0.1:${server.address().port}`;

keys = [await newKey()];
server.listen(0, '127.0.0.1', () => {
  handle = provider(issuer());
  console.log(JSON.stringify({ issuer: issuer() }));
});
