// A client of the API: JSON in and out, problem documents as errors, a key for each POST, ETags for polling.

export class Problem extends Error {
  constructor(body) {
    super(body.detail || "The shop does not respond.");
    this.code = body.code || "";
  }
}

export class Api {
  constructor(root) {
    this.root = root;
    this.token = "";
    this.etags = new Map();
  }

  async ask(method, path, body) {
    const headers = { Accept: "application/json" };
    if (this.token) headers["Checkout-Token"] = this.token;
    if (method === "POST") {
      headers["Content-Type"] = "application/json";
      headers["X-CSRFToken"] = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] || "";
      // If the browser repeats the request after a lost response, it does not place a second order.
      headers["Idempotency-Key"] = crypto.randomUUID();
    }
    const known = method === "GET" ? this.etags.get(path) : undefined;
    if (known) headers["If-None-Match"] = known.etag;
    const response = await fetch(this.root + path, { method, headers, body: body && JSON.stringify(body) });
    if (response.status === 304) return known.body;
    const data = await response.json().catch(() => ({}));
    if (!response.ok) throw new Problem(data);
    const etag = response.headers.get("ETag");
    if (etag) this.etags.set(path, { etag, body: data });
    return data;
  }

  async place(order) {
    const placed = await this.ask("POST", "", order);
    this.token = placed.token;
    return placed;
  }

  of(reference) {
    const path = `${encodeURIComponent(reference)}/`;
    return {
      start: (mode, back) => this.ask("POST", `${path}sessions/`, { ui_mode: mode, return_url: back }),
      secret: (session) => this.ask("GET", `${path}sessions/${session}/client-secret/`),
      ship: (name, address) => this.ask("POST", `${path}shipping/`, { name, address }),
      status: () => this.ask("GET", `${path}status/`),
    };
  }
}
