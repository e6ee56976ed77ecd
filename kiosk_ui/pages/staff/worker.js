// Makes the page installable. It keeps nothing: a gate's answer is worth nothing when it is old, and a page that cannot
// reach its gate has to say so. Only that sentence is kept here.

const SENTENCE = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Gate</title><body><h1>No connection to the gate</h1><p>Nothing can be decided here. Tidak terhubung ke gerbang. 與閘門失去連線。</p>`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.mode !== "navigate") return;
  event.respondWith(
    fetch(event.request).catch(
      () => new Response(SENTENCE, { status: 503, headers: { "content-type": "text/html; charset=utf-8" } }),
    ),
  );
});
