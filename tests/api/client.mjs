// Stripe's library for Node, as an independent client of the emulator that signs webhooks.
// node client.mjs <folder of node_modules> <step> <JSON>; prints JSON.
import { createRequire } from "node:module";

const [folder, step, text] = process.argv.slice(2);
const Stripe = createRequire(`${folder}/package.json`)("stripe");
const values = JSON.parse(text);
const url = new URL(values.url || "http://127.0.0.1:1");
const stripe = new (Stripe.default || Stripe)("sk_test_node", {
  host: url.hostname, port: url.port, protocol: "http", telemetry: false, maxNetworkRetries: 0, apiVersion: values.version,
});

const steps = {
  async create() {
    const session = await stripe.checkout.sessions.create({
      mode: "payment",
      success_url: "https://shop.example/thanks",
      client_reference_id: "N-1",
      line_items: [{ quantity: 2, price_data: { currency: "eur", unit_amount: 1250, product_data: { name: "Cup" } } }],
    }, { idempotencyKey: values.key });
    return { id: session.id, status: session.status, amount_total: session.amount_total };
  },
  async read() {
    const session = await stripe.checkout.sessions.retrieve(values.id, { expand: ["payment_intent", "line_items"] });
    const ids = [];
    for await (const listed of stripe.checkout.sessions.list({ limit: 1 })) ids.push(listed.id);
    return { payment_status: session.payment_status, intent: session.payment_intent.id, lines: session.line_items.data.length, ids };
  },
  async expire() {
    return { status: (await stripe.checkout.sessions.expire(values.id)).status };
  },
  async refund() {
    const refund = await stripe.refunds.create({ payment_intent: values.intent, amount: 500 });
    const refused = await stripe.refunds.create({ payment_intent: values.intent, amount: 99999 }).catch((error) => error);
    return { status: refund.status, amount: refund.amount, refused: refused.type };
  },
  async sign() {
    return { header: await stripe.webhooks.generateTestHeaderStringAsync({ payload: values.payload, secret: values.secret }) };
  },
  async verify() {
    const event = await stripe.webhooks.constructEventAsync(values.payload, values.header, values.secret);
    return { id: event.id, type: event.type };
  },
};
process.stdout.write(JSON.stringify(await steps[step]()));
