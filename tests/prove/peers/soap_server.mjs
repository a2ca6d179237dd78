// The population database by software that we did not write: node-soap serving our WSDL, on a free port of loopback.
//
//   node soap_server.mjs dancu-service.wsdl answers.json
//
// `answers.json` holds what each operation answers, as node-soap takes it. /dancu is the direct binding; /xroad the one with the
// X-Road header blocks, repeated as the protocol says (4.0, 2.2) with the requestHash that a security server adds. The first line
// printed is {"port": ...}; GET /_seen tells every request as node-soap understood it, newest last.
import fs from 'node:fs';
import http from 'node:http';
import soap from 'soap';

const [wsdl, file] = process.argv.slice(2);
const answers = JSON.parse(fs.readFileSync(file, 'utf8'));
const seen = [];

const operation = (name) => (args, _callback, headers) => {
  seen.push({ operation: name, args, headers: headers ?? null });
  if (answers[name].Fault) throw { Fault: { ...answers[name].Fault, statusCode: 500 } };
  return answers[name];
};
const operations = Object.fromEntries(Object.keys(answers).map((name) => [name, operation(name)]));

// The blocks of the request as they came: node-soap would write them in its own way, and a response repeats them unchanged.
const repeated = (_operation, _args, _headers, request) => {
  const blocks = /<([\w.-]+):Header\b[^>]*>([\s\S]*)<\/\1:Header>/.exec(request.received);
  const hash = '<x:requestHash xmlns:x="http://x-road.eu/xsd/xroad.xsd" algorithmId="http://www.w3.org/2001/04/xmlenc#sha512">AAAA</x:requestHash>';
  const spaces = [.../<[\w.-]+:Envelope\b([^>]*)>/.exec(request.received)[1].matchAll(/xmlns:([\w.-]+)="([^"]*)"/g)];
  return blocks ? [...blocks[2].matchAll(/<([\w.-]+:\w+)([^>]*)>[\s\S]*?<\/\1>/g)].map(([block, name]) =>
    block.replace(`<${name}`, `<${name}${spaces.filter(([one]) => !block.includes(one)).map(([one]) => ` ${one}`).join('')}`)).join('') + hash : '';
};

const server = http.createServer((request, response) => {
  if (request.url !== '/_seen') { response.statusCode = 404; return response.end(); }
  response.setHeader('content-type', 'application/json');
  return response.end(JSON.stringify(seen));
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const text = fs.readFileSync(wsdl, 'utf8')
    .replace(/location="http:\/\/security-server[^"]*"/, `location="http://127.0.0.1:${port}/xroad"`)
    .replace(/location="http:\/\/lgsp[^"]*"/, `location="http://127.0.0.1:${port}/dancu"`);
  const services = { DanCuService: { DanCuXRoadPort: operations, DanCuDirectPort: operations } };
  const serve = (path) => new Promise((ready, fail) => {
    const listening = soap.listen(server, {
      path, services, xml: text, uri: wsdl, callback: (error) => (error ? fail(error) : ready()),
    });
    listening.log = (type, content, request) => { if (type === 'received') request.received = content; };
    if (path === '/xroad') listening.addSoapHeader(repeated);
  });
  Promise.all([serve('/xroad'), serve('/dancu')]).then(() => console.log(JSON.stringify({ port })));
});
