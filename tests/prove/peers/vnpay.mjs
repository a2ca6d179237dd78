// VNPAY's protocol in software that we did not write: the npm package `vnpay`, asked over HTTP on a free port of loopback.
//
//   node vnpay.mjs '{"tmnCode": "...", "secureSecret": "...", "host": "http://127.0.0.1:<port of the one that plays VNPAY>"}'
//
// The first line printed is {"url": ...}. POST a list of orders, get the list of what came of them:
//   {"verify": {<parameters>}}      what the package makes of a page or a notice: isVerified, isSuccess, vnp_Amount in đồng
//   {"notice": {<parameters>}}      the query text of a notice, encoded and signed by the package
//   {"page": {<vnp_... of a page>}} the address of a payment page, made by the package
//   {"query": {...}}, {"refund": {...}}  the package asks `host`; what it makes of the answer
import http from 'node:http';
import { buildPaymentUrlSearchParams, calculateSecureHash, HashAlgorithm, VNPay } from 'vnpay';

const { tmnCode, secureSecret, host } = JSON.parse(process.argv[2]);
const vnpay = new VNPay({ tmnCode, secureSecret, vnpayHost: host, queryDrAndRefundHost: host, enableLog: false });

const orders = {
  verify: (fields) => vnpay.verifyIpnCall(fields),
  notice: (fields) => {
    const data = buildPaymentUrlSearchParams(fields).toString();
    const signed = calculateSecureHash({ secureSecret, data, hashAlgorithm: HashAlgorithm.SHA512, bufferEncode: 'utf-8' });
    return `${data}&vnp_SecureHash=${signed}`;
  },
  page: (fields) => vnpay.buildPaymentUrl(fields),
  query: (fields) => vnpay.queryDr(fields),
  refund: (fields) => vnpay.refund(fields),
};

async function done(order) {
  const [[name, fields]] = Object.entries(order);
  try {
    return await orders[name](fields);
  } catch (fault) {
    return { fault: String(fault.message) };
  }
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    const results = [];
    for (const order of JSON.parse(Buffer.concat(parts).toString('utf8'))) results.push(await done(order));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(results));
  });
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })));
