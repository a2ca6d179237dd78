// JSON to SOAP to JSON by software that we did not write: Node-RED with stock nodes. A peer of bench/soap.py.
//
//   node node_red.mjs http://127.0.0.1:<port of the stub>/dancu <namespace> <an empty folder>
//
// http in, function (the envelope as an object), XML, http request (kept alive), XML, change (the answer out of its envelope),
// http response. POST /<operation> with the fields of its request. The first line printed is {"port": ...}.
import http from 'node:http';
import express from 'express';
import RED from 'node-red';

const [address, namespace, folder] = process.argv.slice(2);
const envelope = `
const prefixed = (tree) => Array.isArray(tree) ? tree.map(prefixed) : typeof tree !== 'object' ? tree
  : Object.fromEntries(Object.entries(tree).map(([name, value]) => ['dan:' + name, prefixed(value)]));
msg.headers = { 'content-type': 'text/xml; charset=utf-8', soapaction: '""' };
msg.payload = { 'soapenv:Envelope': {
  $: { 'xmlns:soapenv': 'http://schemas.xmlsoap.org/soap/envelope/', 'xmlns:dan': '${namespace}' },
  'soapenv:Header': '',
  'soapenv:Body': { ['dan:' + msg.req.params.operation]: prefixed(msg.payload) },
} };
return msg;`;
const inside = 'payload["soapenv:Envelope"]["soapenv:Body"][0]';
const flow = [
  { id: 'tab', type: 'tab', label: 'translate' },
  { id: 'in', z: 'tab', type: 'http in', url: '/:operation', method: 'post', wires: [['envelope']] },
  { id: 'envelope', z: 'tab', type: 'function', func: envelope, outputs: 1, wires: [['write']] },
  { id: 'write', z: 'tab', type: 'xml', property: 'payload', attr: '', chr: '', wires: [['ask']] },
  { id: 'ask', z: 'tab', type: 'http request', method: 'POST', ret: 'txt', url: address, persist: true, wires: [['read']] },
  { id: 'read', z: 'tab', type: 'xml', property: 'payload', attr: '', chr: '', wires: [['change']] },
  { id: 'change', z: 'tab', type: 'change', wires: [['out']], rules: [
    { t: 'move', p: inside, pt: 'msg', to: 'payload', tot: 'msg' },
    { t: 'set', p: 'headers', pt: 'msg', to: '{"content-type":"application/json"}', tot: 'json' },
  ] },
  { id: 'out', z: 'tab', type: 'http response', statusCode: '200', wires: [] },
].map((node, place) => (node.type === 'tab' ? node : { x: 100 * place, y: 100, ...node }));  // without a place it is a setting
const application = express();
const server = http.createServer(application);
RED.init(server, {
  userDir: folder, httpAdminRoot: false, httpNodeRoot: '/', flowFile: 'flows.json', credentialSecret: false,
  logging: { console: { level: 'off' } }, diagnostics: { enabled: false, ui: false }, telemetry: { enabled: false },
});
application.use('/', RED.httpNode);
await RED.start();
await RED.runtime.flows.setFlows({ flows: { flows: flow }, deploymentType: 'full' });
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
