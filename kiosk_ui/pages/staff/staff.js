// Joins the handheld page to its gate.

import { applyPrefs } from "../../components/prefs.js";
import "./page.js";

applyPrefs();
if ("serviceWorker" in navigator && window.isSecureContext) {
  // Only where the certificate is trusted; elsewhere the page works as a page.
  navigator.serviceWorker.register("/staff-worker.js", { scope: "/staff" }).catch(() => {});
}
