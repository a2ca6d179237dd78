// JSON to SOAP to JSON by software that we did not write: fastify takes it, node-soap asks. A peer of bench/soap.py.
//
//   node node_soap_bridge.mjs <WSDL> <service> <port> http://127.0.0.1:<port of the stub>/dancu
//
// POST /<operation> with the fields of its request. The first line printed is {"port": ...}. Connections are kept alive.
import http from 'node:http';
import fastify from 'fastify';
import soap from 'soap';

const [wsdl, service, name, address] = process.argv.slice(2);
const client = await soap.createClientAsync(wsdl, { httpAgent: new http.Agent({ keepAlive: true }) }, address);
client.setEndpoint(address);
const port = client[service][name];
const server = fastify();
server.post('/:operation', (request, reply) => {
  port[request.params.operation](request.body, (error, answer) => (error ? reply.code(502).send({ error: error.message }) : reply.send(answer)));
});
await server.listen({ port: 0, host: '127.0.0.1' });
console.log(JSON.stringify({ port: server.server.address().port }));
