// Enforcement in a Fastify app: every request of a customer is decided before it runs and counted after it succeeded.
//
//     npm install fastify ./clients/typescript
//     AVS_URL=http://127.0.0.1:5000 PORT=8000 node examples/fastify.mjs
//     curl -i -H 'X-Customer: cust_2001' -X POST http://127.0.0.1:8000/renders
import { randomUUID } from "node:crypto";
import fastify from "fastify";

import { clientFromEnvironment, REFUSED, UNIT } from "./from_environment.mjs";

/**
 * Refuses what the rails refuse, tells the rest in headers, counts what was answered with success.
 *
 * Each request is set aside first, so that parallel ones cannot overshoot a cap.
 */
function enforce(app, client, valueUnitId) {
  app.decorateRequest("reservation", null);
  app.addHook("onRequest", async (request, reply) => {
    const reservation = await client.reserve(request.headers["x-customer"] ?? "", valueUnitId, 1);
    const { allow, action, reasonCode, remaining } = reservation.decision;
    reply.headers({ "AVS-Action": action ?? "none", "AVS-Remaining": String(remaining) });
    if (!allow) {
      return reply.code(REFUSED[action]).send({ error: reasonCode, action });
    }
    request.reservation = reservation;
  });
  app.addHook("onResponse", async ({ reservation }, reply) => {
    if (reservation !== null) {
      await (reply.statusCode < 400 ? client.commit(reservation) : client.release(reservation));
    }
  });
  app.addHook("onRequestAbort", async ({ reservation }) => {
    if (reservation !== null) {
      await client.release(reservation);
    }
  });
}

async function serve() {
  const client = clientFromEnvironment();
  const app = fastify();
  enforce(app, client, UNIT);
  app.post("/renders", async () => ({ render_id: randomUUID() }));
  await client.waitUntilLoaded(10);
  console.log(await app.listen({ port: Number(process.env.PORT ?? 8000), host: "127.0.0.1" }));
  process.once("SIGTERM", () => app.close().then(() => client.close()));
}

await serve();
