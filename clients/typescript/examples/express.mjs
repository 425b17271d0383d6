// Enforcement in an Express app: every request of a customer is decided before it runs and counted after it succeeded.
//
//     npm install express ./clients/typescript
//     AVS_URL=http://127.0.0.1:5000 PORT=8000 node examples/express.mjs
//     curl -i -H 'X-Customer: cust_2001' -X POST http://127.0.0.1:8000/renders
import { randomUUID } from "node:crypto";
import express from "express";

import { clientFromEnvironment, REFUSED, UNIT } from "./from_environment.mjs";

/**
 * Refuses what the rails refuse, tells the rest in headers, counts what was answered with success.
 *
 * Each request is set aside first, so that parallel ones cannot overshoot a cap.
 */
function enforce(client, valueUnitId) {
  return async (request, response, next) => {
    const reservation = await client.reserve(request.get("X-Customer") ?? "", valueUnitId, 1);
    const { allow, action, reasonCode, remaining } = reservation.decision;
    response.set({ "AVS-Action": action ?? "none", "AVS-Remaining": String(remaining) });
    if (!allow) {
      response.status(REFUSED[action]).json({ error: reasonCode, action });
      return;
    }
    response.once("close", () => {
      const succeeded = response.writableFinished && response.statusCode < 400;
      (succeeded ? client.commit(reservation) : client.release(reservation)).catch(console.error);
    });
    next();
  };
}

async function serve() {
  const client = clientFromEnvironment();
  const app = express();
  app.use(enforce(client, UNIT));
  app.post("/renders", (_, response) => response.json({ render_id: randomUUID() }));
  await client.waitUntilLoaded(10);
  const server = app.listen(Number(process.env.PORT ?? 8000), "127.0.0.1", () => {
    console.log(`http://127.0.0.1:${server.address().port}`);
  });
  process.once("SIGTERM", () => {
    server.close(() => client.close());
    server.closeIdleConnections();
  });
}

await serve();
